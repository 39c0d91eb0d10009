/**
 * The one table of errors. Every error that leaves a node is one of these; its code says what the caller can rely on.
 *
 * - `grpc`: the gRPC status that carries it.
 * - `retry`: what a client may do: `no` (the same call fails again), `later`, or `elsewhere` (another node, at once). What
 *   one node has lost (DATA_LOSS) others still have: a call that only reads may be tried there.
 * - `definite`: true when it is certain that nothing was written. An error that is not definite leaves the fate of an
 *   append open; repeating it with the same append id is safe.
 */
export const ERRORS = {
  INVALID_ARGUMENT: { grpc: 3, retry: 'no', definite: true },
  OUT_OF_RANGE: { grpc: 11, retry: 'no', definite: true },
  NOT_FOUND: { grpc: 5, retry: 'no', definite: true },
  CONFLICT: { grpc: 9, retry: 'no', definite: true },
  APPEND_ID_REUSED: { grpc: 6, retry: 'no', definite: true },
  APPEND_ID_EXPIRED: { grpc: 9, retry: 'no', definite: false },
  CURSOR_MISMATCH: { grpc: 9, retry: 'no', definite: true },
  PERMISSION_DENIED: { grpc: 7, retry: 'no', definite: true },
  FAILED_PRECONDITION: { grpc: 9, retry: 'no', definite: true },
  NOT_LEADER: { grpc: 14, retry: 'elsewhere', definite: true },
  NO_LEADER: { grpc: 14, retry: 'later', definite: true },
  LEADERSHIP_LOST: { grpc: 14, retry: 'later', definite: false },
  NOT_READY: { grpc: 14, retry: 'elsewhere', definite: true },
  BEHIND: { grpc: 14, retry: 'elsewhere', definite: true },
  UNREACHABLE: { grpc: 14, retry: 'elsewhere', definite: false },
  DEADLINE_EXCEEDED: { grpc: 4, retry: 'later', definite: false },
  CANCELLED: { grpc: 1, retry: 'no', definite: false },
  OVERLOADED: { grpc: 8, retry: 'later', definite: true },
  LIMIT_EXCEEDED: { grpc: 8, retry: 'no', definite: true },
  DISK_RESERVE: { grpc: 8, retry: 'later', definite: true },
  DATA_LOSS: { grpc: 15, retry: 'no', definite: true },
  UNIMPLEMENTED: { grpc: 12, retry: 'no', definite: true },
  INTERNAL: { grpc: 13, retry: 'later', definite: false },
} as const satisfies Record<string, { grpc: number; retry: 'no' | 'later' | 'elsewhere'; definite: boolean }>;

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;

/** The one error class of nodes, SDK and CLI. */
export class FactstoreError extends Error {
  override readonly name = 'FactstoreError';
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** True: it is certain that nothing was written. */
  readonly definite: boolean;
  /** Figures and names that belong to it, such as `field`, `limit`, `actual`, `leader`; of a conflict, the checks. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: { cause?: unknown; definite?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.definite = options.definite ?? ERRORS[code].definite;
    this.details = details;
  }
}

/** Whether a text is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Bad input: names the field and says what is wrong with it. */
export function invalid(field: string, reason: string): FactstoreError {
  return new FactstoreError('INVALID_ARGUMENT', `${field}: ${reason}`, { field });
}

/** Input beyond a limit: names the field, the limit and the actual figure. */
export function overLimit(field: string, limit: number, actual: number, unit: string): FactstoreError {
  return new FactstoreError('LIMIT_EXCEEDED', `${field}: ${actual} ${unit} is over the limit of ${limit}`, {
    field,
    limit,
    actual,
  });
}
