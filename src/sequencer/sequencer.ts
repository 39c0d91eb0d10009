import { assert } from '../base/assert.ts';
import { bytesEqual } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { type Append, appendIdReused, type FailedCheck, type WriteResult } from '../model/append.ts';
import { PLACE_MAX } from '../model/limits.ts';
import { PayloadDraft, type PlacedWrite } from '../model/payload.ts';
import { type AppendCondition, breadthOf } from '../model/query.ts';
import { streamsOfChange } from '../model/retention.ts';
import { NEVER_WRITTEN, type StreamHead } from '../model/stream.ts';
import { holds } from './expectation.ts';
import { type JudgedChange, judgeChange } from './lifecycle.ts';
import { type Effects, Overlay } from './overlay.ts';
import { type ConditionsSeen, type KnownCursor, type LogEnd, type Lookup, NOTHING_SEEN } from './ports.ts';

/** An append that was found good: the entry it becomes, with every place in it decided. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly firstPosition: number;
  readonly count: number;
  readonly createdUs: number;
  /** Not written yet; a large one is written in pieces, after it was proposed. */
  readonly payload: PayloadDraft;
  readonly placed: readonly PlacedWrite[];
  readonly writes: readonly WriteResult[];
  readonly change: JudgedChange | undefined;
}

export type Judgement = Accepted | NotAccepted;

/** An append that becomes no entry. */
export type NotAccepted =
  /** The same append is in the log already, at this index; undefined: too long ago to say where (rule S7). */
  | { readonly kind: 'repeat'; readonly logIndex: number | undefined }
  | {
      readonly kind: 'conflict';
      readonly checks: readonly FailedCheck[];
      /** The places of the conditions that failed among those of the append. */
      readonly conditions: readonly number[];
    }
  /** Depends on state, so the caller confirms it before it answers (rule S5). */
  | { readonly kind: 'refused'; readonly error: FactstoreError };

/** So many comparisons of names with the events in flight are made in one go, in less than a millisecond. */
export const COMPARISONS_MAX = 100_000;

/**
 * Judges appends, one after another, on the leader, before they are proposed (DESIGN §7).
 *
 * Judging is a synchronous function of a look-up, the overlay and the end of the log; the caller proposes what it
 * accepted in the same turn and then calls `proposed` (rule S1: nothing comes between).
 */
export class Sequencer {
  private readonly overlay = new Overlay();

  /** The append with this id, if it was proposed and is not yet known to the index. First of all checks (rule S6). */
  inFlight(append: Append): NotAccepted | undefined {
    const effects = this.overlay.append(appendKey(append.id));
    if (!effects) return undefined;
    return bytesEqual(effects.digest, append.digest)
      ? { kind: 'repeat', logIndex: effects.index }
      : { kind: 'refused', error: appendIdReused(append.id) };
  }

  /**
   * Judges an append that is not a repeat by its id. `nowUs` is the leader's clock; `seen` belongs to a look-up that
   * waited in the overlay until now, as `lookup` did.
   */
  judge(append: Append, lookup: Lookup, end: LogEnd, nowUs: number, seen = NOTHING_SEEN): Judgement {
    const cursor = this.judgeCursor(append, lookup);
    if (cursor) return cursor;
    const conditions = append.conditions.length > 0 ? this.judgeConditions(append, seen, end) : [];
    if (conditions instanceof FactstoreError) return { kind: 'refused', error: conditions };
    const checks: FailedCheck[] = [];
    const placed: PlacedWrite[] = [];
    const results: WriteResult[] = [];
    for (const write of append.writes) {
      const head = this.head(write.stream, lookup);
      if (!holds(write.expect, head, write.events.length > 0)) {
        checks.push({ stream: write.stream, expect: write.expect, actual: head.state, actualRevision: head.revision });
      } else if (write.events.length > 0) {
        placed.push({ stream: write.stream, firstRevision: head.revision + 1, events: write.events });
        results.push({ stream: write.stream, revision: head.revision + write.events.length });
      }
    }
    if (checks.length > 0 || conditions.length > 0) return { kind: 'conflict', checks, conditions };
    if (end.nextPosition + append.eventCount > PLACE_MAX) return { kind: 'refused', error: outOfPlaces() };
    const createdUs = Math.max(nowUs, end.createdUs);
    const change = append.change && this.judgeChange(append, lookup, { position: end.nextPosition, createdUs });
    if (change instanceof FactstoreError) return { kind: 'refused', error: change };
    if (change) {
      placed.push(change.write);
      results.push({ stream: change.write.stream, revision: change.write.firstRevision });
    }
    const payload = new PayloadDraft(append, placed, end.nextPosition, createdUs);
    return {
      kind: 'accepted',
      firstPosition: end.nextPosition,
      count: append.eventCount,
      createdUs,
      payload,
      placed,
      writes: results,
      change: change?.judged,
    };
  }

  /** The accepted append is in the leader's log at `index`. */
  proposed(append: Append, accepted: Accepted, index: number): void {
    const effects: Effects = {
      index,
      appendKey: appendKey(append.id),
      digest: append.digest,
      placed: accepted.placed,
      firstPosition: accepted.firstPosition,
      count: accepted.count,
      writes: accepted.writes,
      change: accepted.change,
      cursor: append.producer && {
        producer: append.producer.producer,
        current: append.producer.current,
        appendId: append.id,
      },
    };
    this.overlay.add(effects);
  }

  /**
   * Reads the events in flight that a condition will ask for, about so many of them; false while there are more. Whoever
   * judges conditions calls it until it is true, and lets others have their turn in between (rule C3).
   */
  readPending(count: number): boolean {
    return this.overlay.readEvents(count);
  }

  /** Whether the judge can look at all events in flight that conditions have not been compared with, in one go (rule C3). */
  canJudge(conditions: readonly AppendCondition[], seen: ConditionsSeen): boolean {
    const comparisons = conditions.reduce((sum, { query, after }, n) => {
      return seen.matched[n] ? sum : sum + this.overlay.comparisons(query, Math.max(after, seen.position));
    }, 0);
    return comparisons <= COMPARISONS_MAX;
  }

  /** Compares conditions with the next of these events, as many as may be in one go. All have been read (`readPending`). */
  seeInFlight(conditions: readonly AppendCondition[], seen: ConditionsSeen): ConditionsSeen {
    const last = this.overlay.lastRead ?? seen.position;
    const breadth = conditions.flatMap(({ query }) => query.items).reduce((sum, item) => sum + breadthOf(item), 0);
    const position = Math.min(last, seen.position + Math.max(1, Math.floor(COMPARISONS_MAX / breadth)));
    const matched = conditions.map(
      ({ query, after }, n) =>
        seen.matched[n] || this.overlay.hasMatchUpTo(query, Math.max(after, seen.position), position),
    );
    return { position, matched };
  }

  lookupWaits(appliedIndex: number): void {
    this.overlay.lookupWaits(appliedIndex);
  }

  lookupDone(appliedIndex: number): void {
    this.overlay.lookupDone(appliedIndex);
  }

  applied(index: number): void {
    this.overlay.applied(index);
  }

  /** Leadership is lost (DESIGN §7): the overlay is dropped, for what it holds may never come to be. */
  leadershipLost(): void {
    this.overlay.clear();
  }

  /** Whether an append to a stream is in flight. */
  isProposed(stream: string): boolean {
    return this.overlay.isProposed(stream);
  }

  /** How many proposed entries the overlay holds. */
  get overlaySize(): number {
    return this.overlay.size;
  }

  private head(stream: string, lookup: Lookup): StreamHead {
    return this.overlay.head(stream) ?? lookup.head(stream) ?? NEVER_WRITTEN;
  }

  /** The places of the conditions that do not hold. */
  private judgeConditions(append: Append, seen: ConditionsSeen, end: LogEnd): number[] | FactstoreError {
    assert(
      seen.matched.length === append.conditions.length,
      () => 'conditions are judged without having been looked up',
    );
    const failed: number[] = [];
    for (const [n, { query, after }] of append.conditions.entries()) {
      if (after >= end.nextPosition) return beyondHead(n, after, end.nextPosition - 1);
      if (seen.matched[n] || this.overlay.hasMatch(query, Math.max(after, seen.position))) failed.push(n);
    }
    return failed;
  }

  /** The fact that a change becomes; or why it is refused. */
  private judgeChange(
    { id, change: wanted }: Append,
    lookup: Lookup,
    place: { readonly position: number; readonly createdUs: number },
  ): { readonly judged: JudgedChange; readonly write: PlacedWrite } | FactstoreError | undefined {
    if (!wanted) return undefined;
    const [stream, factStream] = streamsOfChange(wanted);
    const { state, revision, retention = lookup.head(stream).retention } = this.head(stream, lookup);
    const factRevision = this.head(factStream, lookup).revision + 1;
    const judged = judgeChange(id, wanted, { ...place, head: { state, revision, retention }, factRevision });
    if (judged instanceof FactstoreError) return judged;
    return { judged, write: { stream: factStream, firstRevision: factRevision, events: [judged.fact] } };
  }

  private judgeCursor(append: Append, lookup: Lookup): NotAccepted | undefined {
    const wanted = append.producer;
    if (!wanted) return undefined;
    const known = this.overlay.cursor(wanted.producer) ?? lookup.cursor(wanted.producer);
    const current = known?.current ?? 0;
    if (known && wanted.current === current) {
      return bytesEqual(known.appendId, append.id)
        ? { kind: 'repeat', logIndex: known.logIndex }
        : { kind: 'refused', error: cursorTaken(append, known) };
    }
    if (wanted.current < current) return { kind: 'repeat', logIndex: undefined };
    if (wanted.previous === current) return undefined;
    return { kind: 'refused', error: cursorMismatch(append, known) };
  }
}

/** A key for maps: the 16 bytes as eight characters, which is short, and quick to make and to hash. */
function appendKey(id: Uint8Array): string {
  const pair = (n: number) => ((id[n] as number) << 8) | (id[n + 1] as number);
  return String.fromCharCode(pair(0), pair(2), pair(4), pair(6), pair(8), pair(10), pair(12), pair(14));
}

function cursorMismatch(append: Append, known: KnownCursor | undefined): FactstoreError {
  const { producer, previous } = append.producer ?? { producer: '', previous: 0 };
  const at = known?.current ?? 0;
  return new FactstoreError(
    'CURSOR_MISMATCH',
    `producer "${producer}" is at ${at}, not at ${previous}. Nothing was written. Go on behind ${at}.`,
    { producer, expected: previous, actual: at },
  );
}

function cursorTaken(append: Append, known: KnownCursor): FactstoreError {
  const producer = append.producer?.producer ?? '';
  return new FactstoreError(
    'CURSOR_MISMATCH',
    `producer "${producer}" is at ${known.current} already, with another append id: its source has changed, or two producers share the name. Nothing was written.`,
    { producer, expected: append.producer?.previous ?? 0, actual: known.current },
  );
}

function beyondHead(n: number, after: number, head: number): FactstoreError {
  const field = `conditions[${n}].after`;
  return new FactstoreError(
    'OUT_OF_RANGE',
    `${field}: position ${after} lies beyond the last position of the store, which is ${head}. Nothing was written. Does it belong to another cluster?`,
    { field, position: after, head },
  );
}

function outOfPlaces(): FactstoreError {
  return new FactstoreError(
    'LIMIT_EXCEEDED',
    `the store has given all positions up to ${PLACE_MAX}. Nothing was written.`,
  );
}
