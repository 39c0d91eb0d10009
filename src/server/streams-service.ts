import type { Database } from '../database/database.ts';
import { encodeGetStreamResponse, type GetStreamRequest } from '../proto/lookups.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';

/** factstore.v1.Streams */
export function streamsHandlers(database: () => Database, logger: Logger) {
  return {
    Get: unary<GetStreamRequest, Uint8Array>(logger, async (request, signal) =>
      encodeGetStreamResponse(await database().stream(request.stream, request.consistency, signal)),
    ),
  };
}
