import { FactstoreError } from '../base/errors.ts';
import type { Expectation } from '../model/append.ts';
import type { StreamState } from '../model/stream.ts';
import type { ShownCheck, ShownConflict } from '../proto/append-response.ts';
import type { Expect } from './arguments.ts';
import type { EventShape, RecordedEvent } from './event-types.ts';
import { toRecordedEvent } from './recorded-event.ts';

/** One expectation that did not hold. */
export interface ConflictCheck<E extends EventShape = EventShape> {
  readonly stream: string;
  readonly expect: Expect;
  /** What the stream is. */
  readonly actual: StreamState;
  /** The revision of its last event; -1 where none was ever written. */
  readonly actualRevision: bigint;
  /** The stream's events behind the expected revision, oldest first; at most 16, and 32 KiB. */
  readonly events: readonly RecordedEvent<E>[];
  /** True: there are more than these. */
  readonly cut: boolean;
}

/** What is needed to decide anew without another read: the `details` of an error with the code CONFLICT. */
export interface ConflictDetails<E extends EventShape = EventShape> {
  /** Every check that failed. */
  readonly checks: readonly ConflictCheck<E>[];
  /** The position up to which they were judged. */
  readonly position: bigint;
}

/** The details of a conflict; undefined where the error is none. */
export function conflictOf<E extends EventShape = EventShape>(error: unknown): ConflictDetails<E> | undefined {
  if (!(error instanceof FactstoreError) || error.code !== 'CONFLICT') return undefined;
  return 'checks' in error.details ? (error.details as unknown as ConflictDetails<E>) : undefined;
}

/** The error for a conflict. */
export function conflictError(conflict: ShownConflict): FactstoreError {
  const checks = conflict.checks.map(toCheck);
  const streams = [...new Set(checks.map((check) => `"${check.stream}"`))].join(', ');
  const reasons = conflict.checks.map((check, i) => reasonOf(check, checks[i]?.events ?? [], checks.length > 1));
  const text = `append to ${streams} refused: ${reasons.join('; ')}. Nothing was written.`;
  const advice = conflict.checks.some((check) => check.actual === 'tombstoned')
    ? 'A tombstoned stream takes no more events.'
    : 'Read it again and decide anew, or expect any.';
  const details: ConflictDetails = { checks, position: BigInt(conflict.position) };
  return new FactstoreError('CONFLICT', `${text} ${advice}`, { ...details });
}

function toCheck(check: ShownCheck): ConflictCheck {
  return {
    stream: check.stream,
    expect: check.expect.kind === 'revision' ? BigInt(check.expect.revision) : check.expect.kind,
    actual: check.actual,
    actualRevision: BigInt(check.actualRevision),
    events: check.events.map((bytes) => toRecordedEvent(bytes)),
    cut: check.cut,
  };
}

function reasonOf(check: ShownCheck, events: readonly RecordedEvent[], named: boolean): string {
  const subject = named ? `"${check.stream}"` : 'it';
  const since = events.map((event) => event.type);
  const shown = since.slice(0, 5).join(', ') + (check.cut || since.length > 5 ? ', …' : '');
  const behind = since.length > 0 ? ` (since then: ${shown})` : '';
  return `expected ${expectedText(check.expect)}, ${subject} ${actualText(check)}${behind}`;
}

function expectedText(expect: Expectation): string {
  switch (expect.kind) {
    case 'revision':
      return `revision ${expect.revision}`;
    case 'none':
      return 'no event';
    case 'exists':
      return 'at least one event';
    case 'any':
      return 'a stream that takes events';
  }
}

function actualText(check: ShownCheck): string {
  switch (check.actual) {
    case 'none':
      return 'has no event';
    case 'exists':
      return `is at ${check.actualRevision}`;
    case 'deleted':
      return `is deleted, at ${check.actualRevision}`;
    case 'tombstoned':
      return 'is tombstoned';
  }
}
