import { ERRORS, FactstoreError } from '../base/errors.ts';
import { jsonText } from './json.ts';

/** How a command ends. */
export const ExitCode = { done: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** A command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const UNREACHABLE = new Set(['UNREACHABLE', 'NO_LEADER', 'NOT_READY']);

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  if (!(error instanceof FactstoreError)) return ExitCode.failed;
  if (UNREACHABLE.has(error.code)) return ExitCode.unreachable;
  // A bad line of a file is no wrong command line.
  if (error.details.line !== undefined) return ExitCode.failed;
  return error.code === 'INVALID_ARGUMENT' || error.code === 'LIMIT_EXCEEDED' ? ExitCode.usage : ExitCode.failed;
}

/** `{"error": {code, message, definite, details}}` in one line. */
export function errorJson(error: unknown): string {
  if (error instanceof FactstoreError) {
    const { code, message, definite, details } = error;
    return jsonText({ error: { code, message, definite, details } });
  }
  const code = error instanceof UsageError ? 'INVALID_ARGUMENT' : 'INTERNAL';
  return jsonText({ error: { code, message: textOf(error), definite: ERRORS[code].definite, details: {} } });
}

/** What a person reads. */
export function errorText(error: unknown): string {
  if (error instanceof FactstoreError || error instanceof UsageError) return error.message;
  if (isSystemError(error)) return error.message;
  // Anything else is a mistake of ours: the trace is what a report needs.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Names the flag with which a command is repeated whose append may have been written; a program is told of the id alone. */
export function withRepeatFlag(error: unknown): unknown {
  if (!(error instanceof FactstoreError)) return error;
  const { code, message, details, definite } = error;
  const advice = `repeating it with its append id ${String(details.appendId)} is safe`;
  if (!message.includes(advice)) return error;
  const flag = `repeating the command with --append-id ${String(details.appendId)} is safe`;
  return new FactstoreError(code, message.replace(advice, flag), details, { cause: error, definite });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
