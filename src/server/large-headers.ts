import type { ServerHttp2Stream } from 'node:http2';
import { type Server, status } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import { encodeStatus } from '../proto/error-detail.ts';
import { filterStreams } from '../runtime/dead-streams.ts';

/** Of one call, with their names, as HTTP/2 counts them. Twice what gRPC advises, and a quarter of what Node lets through. */
const HEADER_BYTES_MAX = 16 << 10;
/** What a header counts beside name and value (RFC 9113 §6.5.2). */
const HEADER_BYTES = 32;

/**
 * Refuses calls with large headers: these live as long as their call, and are counted nowhere (rule C8). To be called
 * once all connection injectors are made.
 */
export function refuseLargeHeaders(server: Server): void {
  filterStreams(server, (stream, rawHeaders) => {
    let bytes = (rawHeaders.length / 2) * HEADER_BYTES;
    for (const text of rawHeaders) bytes += text.length;
    if (bytes <= HEADER_BYTES_MAX) return true;
    refuse(stream, tooLarge(bytes));
    return false;
  });
}

/** Node closes a stream that was answered and is never read. */
function refuse(stream: ServerHttp2Stream, error: FactstoreError): void {
  stream.on('error', () => undefined);
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': status.RESOURCE_EXHAUSTED,
      'grpc-message': encodeURI(error.message),
      'grpc-status-details-bin': Buffer.from(encodeStatus(error)).toString('base64'),
    },
    { endStream: true },
  );
}

function tooLarge(actual: number): FactstoreError {
  const text = `headers: ${actual} bytes are over the limit of ${HEADER_BYTES_MAX} for one call. Nothing was written. Send less metadata.`;
  return new FactstoreError('LIMIT_EXCEEDED', text, { field: 'headers', limit: HEADER_BYTES_MAX, actual });
}
