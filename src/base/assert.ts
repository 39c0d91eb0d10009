/** A broken invariant: a bug, never bad input. The process ends on it, because its state can no longer be trusted. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/**
 * Ends in an InvariantViolation unless `condition` holds. A message that has to be put together comes as a function: on
 * hot paths, texts that nobody reads would cost more than what they guard.
 */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof message === 'string' ? message : message());
}

/** For the branch that the types rule out. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${String(value)}`);
}
