import { invalid } from '../base/errors.ts';
import type { Appended, FailedCheck, WriteResult } from '../model/append.ts';
import { EXPECT_MAX, expectationOf, expectNumber, STREAM_STATE_MAX, stateNumber, stateOf } from './enums.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** A check that failed, with the events that made it fail. */
export interface ShownCheck extends FailedCheck {
  /** Each a RecordedEvent as bytes, oldest first. */
  readonly events: readonly Uint8Array[];
  /** True: there are more than these, or retention may have hidden some of those before. */
  readonly cut: boolean;
}

/** A condition that did not hold, with the events that made it fail. */
export interface ShownCondition {
  /** Its place among the conditions of the append. */
  readonly index: number;
  /** Each a RecordedEvent as bytes, oldest first. */
  readonly events: readonly Uint8Array[];
  /** True: there are more than these, or retention may have hidden some of those before. */
  readonly cut: boolean;
}

/** None of the append is in the store, and why. */
export interface ShownConflict {
  readonly kind: 'conflict';
  readonly checks: readonly ShownCheck[];
  readonly conditions: readonly ShownCondition[];
  /** The position up to which the checks and conditions were judged. */
  readonly position: number;
}

/** What an AppendResponse says. */
export type AppendOutcome = Appended | ShownConflict;

const Outcome = { appended: 1, conflict: 2 } as const;

export function encodeAppendResponse(outcome: AppendOutcome): Buffer {
  const writer = new MessageWriter();
  if (outcome.kind === 'appended') {
    return writer.nested(Outcome.appended, (nested) => writeAppended(nested, outcome)).finish();
  }
  return writer
    .nested(Outcome.conflict, (nested) => {
      for (const check of outcome.checks) nested.nested(1, (inner) => writeCheck(inner, check));
      nested.uint(2, outcome.position);
      for (const condition of outcome.conditions) nested.nested(3, (inner) => writeFailed(inner, condition));
    })
    .finish();
}

function writeAppended(writer: MessageWriter, appended: Appended): void {
  writer.uint(1, appended.firstPosition).uint(2, appended.position);
  for (const write of appended.writes) {
    writer.nested(3, (nested) => nested.text(1, write.stream).uint(2, write.revision));
  }
  writer.uint(4, appended.createdUs).bool(5, appended.repeated);
}

function writeCheck(writer: MessageWriter, check: ShownCheck): void {
  writer.text(1, check.stream).uint(2, expectNumber(check.expect));
  if (check.expect.kind === 'revision') writer.uint(3, check.expect.revision);
  writer.uint(4, stateNumber(check.actual)).uint(5, Math.max(check.actualRevision, 0));
  for (const event of check.events) writer.dataAlways(6, event);
  writer.bool(7, check.cut);
}

function writeFailed(writer: MessageWriter, condition: ShownCondition): void {
  writer.uint(1, condition.index);
  for (const event of condition.events) writer.dataAlways(2, event);
  writer.bool(3, condition.cut);
}

/** Ends in INVALID_ARGUMENT where the bytes are not an AppendResponse with an outcome. */
export function decodeAppendResponse(bytes: Uint8Array): AppendOutcome {
  const reader = new MessageReader('AppendResponse', bytes);
  let outcome: AppendOutcome | undefined;
  while (reader.next()) {
    if (reader.field === Outcome.appended) outcome = decodeAppended(reader.nested('appended', 'Appended'));
    else if (reader.field === Outcome.conflict) outcome = decodeConflict(reader.nested('conflict', 'Conflict'));
  }
  if (!outcome) throw invalid('outcome', 'is missing in an AppendResponse');
  return outcome;
}

function decodeAppended(reader: MessageReader): Appended {
  const writes: WriteResult[] = [];
  const appended = { kind: 'appended' as const, firstPosition: 0, position: 0, writes, createdUs: 0, repeated: false };
  while (reader.next()) {
    if (reader.field === 1) appended.firstPosition = reader.uint('first_position');
    else if (reader.field === 2) appended.position = reader.uint('position');
    else if (reader.field === 3) writes.push(decodeWriteResult(reader.nested('writes', 'WriteResult')));
    else if (reader.field === 4) appended.createdUs = reader.uint('created_us');
    else if (reader.field === 5) appended.repeated = reader.bool('repeated');
  }
  return appended;
}

function decodeWriteResult(reader: MessageReader): WriteResult {
  const result = { stream: '', revision: 0 };
  while (reader.next()) {
    if (reader.field === 1) result.stream = reader.text('stream');
    else if (reader.field === 2) result.revision = reader.uint('revision');
  }
  return result;
}

function decodeConflict(reader: MessageReader): ShownConflict {
  const checks: ShownCheck[] = [];
  const conditions: ShownCondition[] = [];
  let position = 0;
  while (reader.next()) {
    if (reader.field === 1) checks.push(decodeCheck(reader.nested(`checks[${checks.length}]`, 'FailedCheck')));
    else if (reader.field === 2) position = reader.uint('position');
    else if (reader.field === 3) {
      conditions.push(decodeFailed(reader.nested(`conditions[${conditions.length}]`, 'FailedCondition')));
    }
  }
  return { kind: 'conflict', checks, conditions, position };
}

function decodeFailed(reader: MessageReader): ShownCondition {
  const events: Uint8Array[] = [];
  const condition = { index: 0, events, cut: false };
  while (reader.next()) {
    if (reader.field === 1) condition.index = reader.uint('index');
    else if (reader.field === 2) events.push(reader.data('events'));
    else if (reader.field === 3) condition.cut = reader.bool('cut');
  }
  return condition;
}

function decodeCheck(reader: MessageReader): ShownCheck {
  const events: Uint8Array[] = [];
  const check = { stream: '', cut: false };
  let [expect, expected, state, revision] = [0, 0, 0, 0];
  while (reader.next()) {
    if (reader.field === 1) check.stream = reader.text('stream');
    else if (reader.field === 2) expect = reader.enumeration('expect', EXPECT_MAX);
    else if (reader.field === 3) expected = reader.uint('expected_revision');
    else if (reader.field === 4) state = reader.enumeration('actual', STREAM_STATE_MAX);
    else if (reader.field === 5) revision = reader.uint('actual_revision');
    else if (reader.field === 6) events.push(reader.data('events'));
    else if (reader.field === 7) check.cut = reader.bool('cut');
  }
  const actual = stateOf(state);
  const actualRevision = actual === 'none' ? -1 : revision;
  return { ...check, expect: expectationOf(expect, expected), actual, actualRevision, events };
}
