import { type ServiceError, status } from '@grpc/grpc-js';
import { ERRORS, type ErrorCode, FactstoreError } from '../base/errors.ts';
import { decodeStatus } from '../proto/error-detail.ts';

/** What a gRPC status means where no factstore node explained it. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  // What is cancelled on this side is told before it gets here; so the node broke the call off.
  [status.CANCELLED]: 'UNREACHABLE',
  [status.INVALID_ARGUMENT]: 'INVALID_ARGUMENT',
  [status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [status.NOT_FOUND]: 'NOT_FOUND',
  [status.PERMISSION_DENIED]: 'PERMISSION_DENIED',
  [status.UNAUTHENTICATED]: 'PERMISSION_DENIED',
  [status.RESOURCE_EXHAUSTED]: 'LIMIT_EXCEEDED',
  [status.FAILED_PRECONDITION]: 'FAILED_PRECONDITION',
  [status.OUT_OF_RANGE]: 'OUT_OF_RANGE',
  [status.UNIMPLEMENTED]: 'UNIMPLEMENTED',
  [status.UNAVAILABLE]: 'UNREACHABLE',
  [status.DATA_LOSS]: 'DATA_LOSS',
};

/** The error that ended a call to the node at `address`. */
export function fromGrpc(error: unknown, address: string): FactstoreError {
  if (error instanceof FactstoreError) return error;
  const grpc = error as Partial<ServiceError>;
  const told = richError(grpc);
  if (told)
    return new FactstoreError(told.code, told.message, { address, ...told.details }, { definite: told.definite });
  const code = CODES[grpc.code ?? -1] ?? 'INTERNAL';
  const reason = code === 'UNREACHABLE' ? connectReason(grpc.details ?? '') : (grpc.details ?? String(error));
  return new FactstoreError(code, `${address}: ${reason}`, { address, reason }, { cause: error });
}

function richError(error: Partial<ServiceError>): FactstoreError | undefined {
  const bytes = error.metadata?.get('grpc-status-details-bin')[0];
  if (!(bytes instanceof Uint8Array)) return undefined;
  try {
    return decodeStatus(bytes);
  } catch {
    // A node that sends garbage here has still told a status.
    return undefined;
  }
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ETIMEDOUT|timed out/i, 'timed out'],
  [/ENOTFOUND|EAI_AGAIN|[Nn]ame resolution failed/, 'the name cannot be resolved'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route to it'],
  [/ECONNRESET|Connection dropped|EPIPE|socket hang up|Call cancelled|RST_STREAM|Stream refused/i, 'connection lost'],
  [/Protocol error|ERR_HTTP2|Parse Error/, 'it does not speak gRPC'],
];

/** In words, why a node could not be reached: gRPC's own text names resolvers and states. */
function connectReason(details: string): string {
  const known = REASONS.find(([pattern]) => pattern.test(details));
  return known?.[1] ?? (details || 'unavailable');
}

/** Whether another attempt, now or later, here or elsewhere, may succeed. */
export function isRetryable(error: FactstoreError): boolean {
  return ERRORS[error.code].retry !== 'no';
}

/** Whatever was thrown; what no one foresaw becomes INTERNAL. */
export function asFactstoreError(error: unknown): FactstoreError {
  if (error instanceof FactstoreError) return error;
  return new FactstoreError('INTERNAL', error instanceof Error ? error.message : String(error), {}, { cause: error });
}

/** A look-up that its caller gave up. */
export function aborted(what: string, signal: AbortSignal | undefined): FactstoreError {
  return new FactstoreError('CANCELLED', `${what} was cancelled`, {}, { definite: true, cause: signal?.reason });
}

/** No node can be reached: names each of them and why. `definite`: none was asked for anything that writes. */
export function unreachable(reasons: ReadonlyMap<string, string>, definite: boolean): FactstoreError {
  const each = [...reasons].map(([address, reason]) => `${address} (${reason})`);
  const text = `cannot reach any node of the cluster: ${each.join(', ')}`;
  return new FactstoreError('UNREACHABLE', text, { addresses: Object.fromEntries(reasons) }, { definite });
}
