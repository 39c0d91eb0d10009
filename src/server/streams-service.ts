import type { Database } from '../database/database.ts';
import { encodeGetStreamResponse, type GetStreamRequest } from '../proto/lookups.ts';
import { encodeListStreamsResponse, type ListStreamsRequest } from '../proto/stream-list.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { patienceMs, unary } from './calls.ts';

/** factstore.v1.Streams */
export function streamsHandlers(database: () => Database, logger: Logger, clock: Clock) {
  return {
    Get: unary<GetStreamRequest, Uint8Array>(logger, async (request, signal, call) => {
      const waitMs = patienceMs(call, clock.nowUs());
      return encodeGetStreamResponse(await database().stream(request.stream, request.consistency, signal(), waitMs));
    }),
    List: unary<ListStreamsRequest, Uint8Array>(logger, async (request, signal, call) => {
      const waitMs = patienceMs(call, clock.nowUs());
      return encodeListStreamsResponse(await database().streams(request, signal(), waitMs));
    }),
  };
}
