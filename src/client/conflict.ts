import { FactstoreError } from '../base/errors.ts';
import type { Expectation } from '../model/append.ts';
import type { StreamState } from '../model/stream.ts';
import type { ShownCheck, ShownCondition, ShownConflict } from '../proto/append-response.ts';
import type { Expect } from './arguments.ts';
import type { EventShape, RecordedEvent } from './event-types.ts';
import { toRecordedEvent } from './recorded-event.ts';
import type { Upcasting } from './upcasting.ts';

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
  /** True: there are more than these, or retention may have hidden some of those before. */
  readonly cut: boolean;
}

/** A consistency boundary that did not hold. */
export interface ConflictCondition<E extends EventShape = EventShape> {
  /** Its place among the conditions of the append. */
  readonly index: number;
  /** The matching events behind its `after`, oldest first; at most 16, and 32 KiB. */
  readonly events: readonly RecordedEvent<E>[];
  /** True: there are more than these, or retention may have hidden some of those before. */
  readonly cut: boolean;
}

/** What is needed to decide anew without another read: the `details` of an error with the code CONFLICT. */
export interface ConflictDetails<E extends EventShape = EventShape> {
  /** Every check that failed. */
  readonly checks: readonly ConflictCheck<E>[];
  /** Every condition that failed. */
  readonly conditions: readonly ConflictCondition<E>[];
  /** The position up to which they were judged: `after` for a condition on a decision made anew. */
  readonly position: bigint;
}

/** The details of a conflict; undefined where the error is none. */
export function conflictOf<E extends EventShape = EventShape>(error: unknown): ConflictDetails<E> | undefined {
  if (!(error instanceof FactstoreError) || error.code !== 'CONFLICT') return undefined;
  return 'checks' in error.details ? (error.details as unknown as ConflictDetails<E>) : undefined;
}

/** The error for a conflict; `what` is the append. */
export function conflictError(conflict: ShownConflict, what: string, upcasting: Upcasting): FactstoreError {
  const checks = conflict.checks.map((check) => toCheck(check, upcasting));
  const conditions = conflict.conditions.map((condition) => toCondition(condition, upcasting));
  const named = checks.length > 1 || conditions.length > 0;
  const reasons = [
    ...conflict.checks.map((check, i) => reasonOf(check, checks[i]?.events ?? [], named)),
    ...conditions.map(boundaryReason),
  ];
  const streams = [...new Set(checks.map((check) => `"${check.stream}"`))].join(', ');
  const subject = conditions.length > 0 ? what : `append to ${streams}`;
  const text = `${subject} refused: ${reasons.join('; ')}. Nothing was written. ${adviceFor(conflict)}`;
  const details: ConflictDetails = { checks, conditions, position: BigInt(conflict.position) };
  return new FactstoreError('CONFLICT', text, { ...details });
}

function adviceFor({ checks, conditions }: ShownConflict): string {
  if (checks.some((check) => check.actual === 'tombstoned')) return 'A tombstoned stream takes no more events.';
  return conditions.length > 0
    ? 'Read what has changed and decide anew.'
    : 'Read it again and decide anew, or expect any.';
}

function boundaryReason({ index, events, cut }: ConflictCondition): string {
  const types = sinceThen(events, cut);
  return `condition ${index} does not hold${types === '' ? '' : `: since its position there is ${types}`}`;
}

function toCondition({ index, events, cut }: ShownCondition, upcasting: Upcasting): ConflictCondition {
  return { index, events: events.map((bytes) => toRecordedEvent(bytes, upcasting)), cut };
}

function toCheck(check: ShownCheck, upcasting: Upcasting): ConflictCheck {
  return {
    stream: check.stream,
    expect: check.expect.kind === 'revision' ? BigInt(check.expect.revision) : check.expect.kind,
    actual: check.actual,
    actualRevision: BigInt(check.actualRevision),
    events: check.events.map((bytes) => toRecordedEvent(bytes, upcasting)),
    cut: check.cut,
  };
}

function reasonOf(check: ShownCheck, events: readonly RecordedEvent[], named: boolean): string {
  const subject = named ? `"${check.stream}"` : 'it';
  const since = sinceThen(events, check.cut);
  const behind = since === '' ? '' : ` (since then: ${since})`;
  return `expected ${expectedText(check.expect)}, ${subject} ${actualText(check)}${behind}`;
}

function sinceThen(events: readonly RecordedEvent[], cut: boolean): string {
  const types = events.map((event) => event.type);
  return types.slice(0, 5).join(', ') + (types.length > 0 && (cut || types.length > 5) ? ', …' : '');
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
