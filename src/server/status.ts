import { Metadata, type ServerErrorResponse } from '@grpc/grpc-js';
import { ERRORS, FactstoreError } from '../base/errors.ts';
import { encodeStatus } from '../proto/error-detail.ts';
import type { Logger } from '../runtime/logger.ts';

/** The longest text that goes into the grpc-message header; the whole of it stands in the details. */
const HEADER_TEXT_MAX = 512;

/**
 * The gRPC status of an error, with the rich details (code, definite, retry) in its trailer. An error that is not of
 * the table is a bug: it is logged in full, and the client gets no more of it than its message.
 */
export function statusOf(error: unknown, logger: Logger): ServerErrorResponse {
  const known = asFactstoreError(error, logger);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', encodeStatus(known));
  const { message } = known;
  const details = message.length > HEADER_TEXT_MAX ? `${message.slice(0, HEADER_TEXT_MAX)}…` : message;
  return Object.assign(new Error(message), {
    code: ERRORS[known.code].grpc,
    details: details.toWellFormed(),
    metadata,
  });
}

export function asFactstoreError(error: unknown, logger: Logger): FactstoreError {
  if (error instanceof FactstoreError) return error;
  logger.error({ event: 'server.bug', err: error }, 'a request ended in an unexpected error');
  const text = error instanceof Error ? error.message : String(error);
  return new FactstoreError('INTERNAL', `unexpected error: ${text}`, {}, { cause: error });
}
