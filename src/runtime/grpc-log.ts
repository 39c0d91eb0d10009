import { setLogger } from '@grpc/grpc-js';
import type { Logger } from './logger.ts';

/** Header values stand in what it says, of up to 64 KB. */
const TEXT_MAX = 300;

/**
 * Has grpc-js say what it has to say in this log, where a storm of lines is bounded. It writes to standard error otherwise, for
 * each header value that it does not like, and with all of it: a client could fill the disk.
 */
export function logGrpc(logger: Logger): void {
  const write = (text: unknown) => logger.warn({ event: 'grpc.said' }, `gRPC says: ${String(text).slice(0, TEXT_MAX)}`);
  setLogger({ error: write, info: write, debug: write });
}
