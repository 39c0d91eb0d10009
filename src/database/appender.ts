import { bytesEqual } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { type Append, type Appended, appendIdReused, type FailedCheck, type WriteResult } from '../model/append.ts';
import { scanRecordedEvent } from '../model/event.ts';
import { APPEND_ID_WINDOW_MS, LIMITS } from '../model/limits.ts';
import { PayloadView } from '../model/payload.ts';
import type { AppendCondition } from '../model/query.ts';
import { streamsOfChange } from '../model/retention.ts';
import { kindOfChange } from '../model/retention-fact.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ConditionsSeen, type Lookup, NOTHING_SEEN } from '../sequencer/ports.ts';
import type { Accepted, NotAccepted, Sequencer } from '../sequencer/sequencer.ts';
import type { EntryRecord } from '../storage/record.ts';
import type { Conditions, ShownEvents } from './conditions.ts';
import { LookupSlots } from './lookup-slots.ts';
import { hasRoom, type InLine } from './room.ts';

/** A check that failed, with the events that made it fail. */
type ShownCheck = FailedCheck & ShownEvents;

/** A condition that failed, by its place in the append, with the events that made it fail. */
type ShownCondition = { readonly index: number } & ShownEvents;

export type AppendOutcome =
  | Appended
  | {
      readonly kind: 'conflict';
      readonly checks: readonly ShownCheck[];
      readonly conditions: readonly ShownCondition[];
      readonly position: number;
    };

export interface AppenderPorts {
  readonly replica: Replica;
  readonly sequencer: Sequencer;
  readonly clock: Clock;
  /** Bytes judged and not yet applied, at most; one append of any legal size passes when nothing is pending (S1). */
  readonly pendingBytesMax: number;
  readonly index: {
    readonly appliedIndex: number;
    /** Whether what can be seen depends on the time of the log. */
    readonly hidesByAge: boolean;
    lookup(streams: readonly string[], producers: readonly string[]): Lookup | Promise<Lookup>;
    /** Log indexes of applied entries that may have this append id. */
    findAppendId(id: Uint8Array): readonly number[];
    /** What a use of the index gives; it learns of damage that this ends in. */
    noticing<T>(use: Promise<T>): Promise<T>;
  };
  readonly log: { get(index: number): Promise<EntryRecord> };
  /** Why the feature level does not allow a kind of fact yet (rule S16); undefined: it does. */
  refusalOfLevel(kind: string): FactstoreError | undefined;
  /** Why a kind of fact cannot be written now, another one of its stream being in flight or not; undefined: it can. */
  refusalOfFact(kind: string, another: boolean): FactstoreError | undefined;
  /** False while free space is below the reserve (rule D1). */
  diskHasRoom(): boolean;
  readonly conditions: Pick<Conditions, 'seeAtOnce' | 'see' | 'spendingTime' | 'show' | 'showStream'>;
}

/** An append that is judged: what became of it, and where it stood. */
export type Judged =
  | { readonly kind: 'proposed'; readonly index: number; readonly accepted: Accepted }
  | { readonly kind: 'judged'; readonly judgement: NotAccepted; readonly position: number };

/** Of an append, by the clock's monotonic hand. */
export interface Times {
  /** Since when it has been on its way: what its age says is true of that moment (rule S6). */
  readonly sinceMs: number;
  /** When it is dropped. */
  readonly expiresMs: number;
}

/** What an append is judged under. */
interface Until extends Times {
  readonly term: number;
}

/** How many events in flight are read in one go for the sake of a condition (rule C3). */
const PENDING_PER_TURN = 500;

const NOTHING_SHOWN: ShownEvents = { events: [], cut: false };
const CUT: ShownEvents = { events: [], cut: true };

const ROOM_RETRY_MS = 5;
/** So far the time of the log may stay behind the clock, at most, while ages depend on it. */
const LOG_TIME_STEP_US = 60_000_000;

/**
 * The leader's path of an append: admission, then judgement, then the log, with nothing between (rule S1), and then the
 * answer, which is as strong as a success whatever it says (rule S5).
 */
export class Appender {
  private readonly ports: AppenderPorts;
  /** Appends that wait for room, in the order in which they came: a large one is not passed by small ones for ever. */
  private readonly line: InLine[] = [];
  private readonly slots = new LookupSlots();
  private polling = false;

  constructor(ports: AppenderPorts) {
    this.ports = ports;
  }

  /** Judges without waiting; undefined where something must be looked up first. Throws what admission refuses. */
  judgeAtOnce(append: Append, { sinceMs }: Times): Judged | undefined {
    const { index, sequencer, replica } = this.ports;
    if (!replica.acceptsProposals) throw this.notLeader();
    const inFlight = sequencer.inFlight(append);
    if (inFlight) return this.judged(inFlight);
    if (index.findAppendId(append.id).length > 0 || !this.hasRoom(append)) return undefined;
    this.admit(append, sinceMs);
    const seen = append.conditions.length > 0 ? this.seeAtOnce(append) : NOTHING_SEEN;
    const lookup = seen && index.lookup(streamsOf(append), producersOf(append));
    if (lookup instanceof Promise) {
      // Whoever looks up once more gets to know why it fails.
      lookup.catch(() => undefined);
      return undefined;
    }
    return lookup && this.judge(append, lookup, seen);
  }

  /** `deadlineMs` 0: it is never dropped. `sinceMs`: since when it has been here, where that is not now. */
  times(deadlineMs: number, sinceMs?: number): Times {
    const nowMs = this.ports.clock.monotonicMs();
    return {
      sinceMs: sinceMs ?? nowMs,
      expiresMs: deadlineMs > 0 ? nowMs + deadlineMs : Number.POSITIVE_INFINITY,
    };
  }

  /** Judges after whatever waiting it needs; `patient` waits for room where it would else be refused. */
  async judgeEventually(append: Append, patient: boolean, times: Times): Promise<Judged> {
    const { replica } = this.ports;
    // Before the no-op of its term is applied, what a look-up misses is not in the overlay either (rule S3).
    if (!replica.acceptsProposals) throw this.notLeader();
    const { term } = replica;
    let waiting: InLine | undefined;
    try {
      for (;;) {
        const judged = await this.judgeOnLookup(append, patient, { ...times, term });
        if (judged) return judged;
        if (!waiting) {
          waiting = { append, wake: undefined };
          this.line.push(waiting);
        }
        await this.room(waiting);
      }
    } finally {
      if (waiting) {
        this.line.splice(this.line.indexOf(waiting), 1);
        this.serveLine();
      }
    }
  }

  /** The answer, once it can be relied on. Rejects with what the append was refused for. */
  async answer(append: Append, judged: Judged): Promise<AppendOutcome> {
    if (judged.kind === 'proposed') {
      await this.ports.replica.outcome(judged.index);
      return appendedAt(judged.accepted);
    }
    const { judgement, position } = judged;
    if (judgement.kind === 'repeat') return this.firstAnswer(append, judgement.logIndex);
    await this.ports.replica.confirm();
    if (judgement.kind === 'refused') throw judgement.error;
    return this.ports.index.noticing(this.conflict(append, judgement, position));
  }

  private seeAtOnce({ conditions }: Append): ConditionsSeen | undefined {
    const { sequencer } = this.ports;
    if (!sequencer.readPending(PENDING_PER_TURN)) return undefined;
    const seen = this.ports.conditions.seeAtOnce(conditions);
    return seen && sequencer.canJudge(conditions, seen) ? seen : undefined;
  }

  /** Leaves few enough of the events in flight to the judge, who comes behind it in the same turn (rule C3). */
  private async seeInFlight({ conditions }: Append, seenBefore: ConditionsSeen, term: number): Promise<ConditionsSeen> {
    const { sequencer, clock } = this.ports;
    const spend = this.ports.conditions.spendingTime();
    let seen = seenBefore;
    for (;;) {
      // Behind another term what was seen and what is in flight may not join.
      this.checkLeads(term);
      if (sequencer.readPending(PENDING_PER_TURN)) {
        if (sequencer.canJudge(conditions, seen)) return seen;
        seen = sequencer.seeInFlight(conditions, seen);
      }
      spend();
      await clock.yieldTurn();
    }
  }

  private checkLeads(term: number): void {
    const { replica } = this.ports;
    if (!replica.acceptsProposals || replica.term !== term) throw this.notLeader();
  }

  /** Undefined where it has to wait for room, which it does without holding a look-up. */
  private async judgeOnLookup(append: Append, patient: boolean, until: Until): Promise<Judged | undefined> {
    const { index } = this.ports;
    if (append.conditions.length === 0) return index.noticing(this.lookUpAndJudge(append, patient, until));
    const leave = await this.slots.take(patient);
    try {
      if (this.ports.clock.monotonicMs() >= until.expiresMs) throw tooLate();
      return await index.noticing(this.lookUpAndJudge(append, patient, until));
    } finally {
      leave();
    }
  }

  private async lookUpAndJudge(
    append: Append,
    patient: boolean,
    { term, sinceMs, expiresMs }: Until,
  ): Promise<Judged | undefined> {
    const { index, sequencer, conditions } = this.ports;
    const lookedUpAt = index.appliedIndex;
    // What is proposed from here on stays in the overlay until this append is judged (rule S3).
    sequencer.lookupWaits(lookedUpAt);
    try {
      const repeat = await this.findRepeat(append);
      if (repeat) return this.judged(repeat);
      const conditional = append.conditions.length > 0;
      const seenBefore = conditional ? await conditions.see(append.conditions) : NOTHING_SEEN;
      const lookup = await index.lookup(streamsOf(append), producersOf(append));
      const seen = conditional ? await this.seeInFlight(append, seenBefore, term) : NOTHING_SEEN;
      this.checkLeads(term);
      const inFlight = sequencer.inFlight(append);
      if (inFlight) return this.judged(inFlight);
      if (this.ports.clock.monotonicMs() >= expiresMs) throw tooLate();
      if (patient && !this.hasRoom(append)) return undefined;
      this.admit(append, sinceMs);
      return this.judge(append, lookup, seen);
    } finally {
      sequencer.lookupDone(lookedUpAt);
    }
  }

  private room(waiting: InLine): Promise<void> {
    return new Promise((resolve) => {
      waiting.wake = resolve;
      this.serveLine();
    });
  }

  /** Lets the first in line go on once there is room for it, or no use in waiting. */
  private serveLine(): void {
    const first = this.line[0];
    if (!first?.wake) return;
    if (this.hasRoom(first.append) || !this.ports.replica.acceptsProposals) {
      const { wake } = first;
      first.wake = undefined;
      return wake();
    }
    if (this.polling) return;
    this.polling = true;
    void this.ports.clock.sleep(ROOM_RETRY_MS).then(() => {
      this.polling = false;
      this.serveLine();
    });
  }

  private judge(append: Append, lookup: Lookup, seen: ConditionsSeen): Judged {
    const { replica, sequencer, clock } = this.ports;
    const error = this.refusalOfLevel(append) ?? this.refusalOfFact(append);
    if (error) return this.judged({ kind: 'refused', error });
    const end = replica.logEnd();
    const judgement = sequencer.judge(append, lookup, end, clock.nowUs(), seen);
    if (judgement.kind !== 'accepted') return this.judged(judgement);
    const index = replica.propose(judgement);
    sequencer.proposed(append, judgement, index);
    return { kind: 'proposed', index, accepted: judgement };
  }

  /** Judged, not just admitted: a leader that was deposed does not know of a level that was raised since (rule S5). */
  private refusalOfLevel({ change, fact }: Append): FactstoreError | undefined {
    const kind = change ? kindOfChange(change) : fact;
    return kind === undefined ? undefined : this.ports.refusalOfLevel(kind);
  }

  private refusalOfFact({ fact, writes }: Append): FactstoreError | undefined {
    if (fact === undefined) return undefined;
    const another = writes.some(({ stream }) => this.ports.sequencer.isProposed(stream));
    return this.ports.refusalOfFact(fact, another);
  }

  private judged(judgement: NotAccepted): Judged {
    return { kind: 'judged', judgement, position: this.ports.replica.logEnd().nextPosition - 1 };
  }

  /** Everything that is checked before judging and depends on this node alone (rule S1). */
  private admit(append: Append, sinceMs: number): void {
    const { replica } = this.ports;
    if (!replica.acceptsProposals) throw this.notLeader();
    // It grew older while it waited, and may have been repeated elsewhere meanwhile, too long ago for its id to be known.
    const ageMs = append.attemptAgeMs + this.ports.clock.monotonicMs() - sinceMs;
    if (ageMs > APPEND_ID_WINDOW_MS) throw expired(ageMs);
    if (!this.ports.diskHasRoom()) throw diskReserve();
    if (!this.hasRoom(append)) throw overloaded(replica.unappliedBytes);
    if (replica.clockHasJumped) throw clockNotTrusted();
  }

  /**
   * Called about once a second. While streams hide their events by age and nobody appends, the time of the log has to go
   * on, or what is too old would stay visible (rule R1).
   */
  keepTime(): void {
    const { replica, index, clock } = this.ports;
    if (!replica.acceptsProposals || !index.hidesByAge) return;
    const nowUs = clock.nowUs();
    if (nowUs - replica.logEnd().createdUs < LOG_TIME_STEP_US) return;
    if (this.ports.diskHasRoom() && !replica.clockHasJumped) replica.proposeTime(nowUs);
  }

  private hasRoom(append: Append): boolean {
    const { replica, pendingBytesMax } = this.ports;
    return hasRoom(append, { bytes: replica.unappliedBytes, bytesMax: pendingBytesMax, first: this.line[0] });
  }

  /** What this node has applied under an append id, as far as ids are remembered (rule S6). Any node can be asked. */
  async applied(id: Uint8Array): Promise<{ readonly logIndex: number; readonly payload: PayloadView } | undefined> {
    for (const logIndex of this.ports.index.findAppendId(id)) {
      const record = await this.ports.log.get(logIndex);
      const payload = new PayloadView(record.payload, record.count);
      if (!bytesEqual(payload.appendId, id)) continue;
      return { logIndex, payload };
    }
    return undefined;
  }

  private async findRepeat(append: Append): Promise<NotAccepted | undefined> {
    const found = await this.applied(append.id);
    if (!found) return undefined;
    const { logIndex, payload } = found;
    if (bytesEqual(payload.digest, append.digest)) return { kind: 'repeat', logIndex };
    return { kind: 'refused', error: appendIdReused(append.id) };
  }

  private async firstAnswer(append: Append, logIndex: number | undefined): Promise<Appended> {
    const { replica, log } = this.ports;
    if (logIndex === undefined) {
      // The cursor that passed it may stand in an entry that is not committed yet (rule S5).
      await replica.confirm();
      return passedLongAgo();
    }
    const record = logIndex <= replica.appliedIndex ? await log.get(logIndex) : await replica.outcome(logIndex);
    const payload = new PayloadView(record.payload, record.count);
    if (!bytesEqual(payload.digest, append.digest)) {
      await replica.confirm();
      throw appendIdReused(append.id);
    }
    return repeatOf(record, payload);
  }

  /** Shows events one check after another, as far as the answer has room for them (rule S12). */
  private async conflict(
    append: Append,
    { checks, conditions }: Extract<NotAccepted, { kind: 'conflict' }>,
    position: number,
  ): Promise<AppendOutcome> {
    let room: number = LIMITS.conflictAnswerBytesMax;
    const within = async (show: () => Promise<ShownEvents>): Promise<ShownEvents> => {
      const shown = room > 0 ? await show() : CUT;
      room -= shown.events.reduce((sum, event) => sum + event.length, 0);
      return shown;
    };
    const shownChecks: ShownCheck[] = [];
    for (const check of checks) shownChecks.push({ ...check, ...(await within(() => this.show(check, position))) });
    const shownConditions: ShownCondition[] = [];
    for (const index of conditions) {
      const condition = append.conditions[index] as AppendCondition;
      const shown = await within(() => this.ports.conditions.show(condition, position));
      shownConditions.push({ index, ...shown });
    }
    return { kind: 'conflict', checks: shownChecks, conditions: shownConditions, position };
  }

  private async show({ expect, actualRevision, stream }: FailedCheck, position: number): Promise<ShownEvents> {
    const after = expect.kind === 'revision' ? expect.revision : -1;
    if (expect.kind === 'exists' || after >= actualRevision) return NOTHING_SHOWN;
    return this.ports.conditions.showStream(stream, after, position);
  }

  private notLeader(): FactstoreError {
    const { replica } = this.ports;
    return replica.leader === undefined ? replica.noLeader() : replica.notLeader();
  }
}

/** Reasons that lie in an append itself; it is refused alone, and the later ones of its call are judged as ever. */
const OWN_REASONS: readonly string[] = [
  'INVALID_ARGUMENT',
  'OUT_OF_RANGE',
  'APPEND_ID_REUSED',
  'APPEND_ID_EXPIRED',
  'CURSOR_MISMATCH',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'LIMIT_EXCEEDED',
];

/** The error, if after it the later appends of the same call must not be judged either (rule S4). */
export function breaksOrder(error: unknown): FactstoreError | undefined {
  if (!(error instanceof FactstoreError)) {
    const text = 'an earlier append of this call ended in an unexpected error. Nothing was written of this one.';
    return new FactstoreError('NOT_READY', text);
  }
  return OWN_REASONS.includes(error.code) ? undefined : error;
}

function streamsOf(append: Append): readonly string[] {
  const streams = append.writes.map((write) => write.stream);
  return append.change ? [...streams, ...streamsOfChange(append.change)] : streams;
}

function producersOf(append: Append): readonly string[] {
  return append.producer ? [append.producer.producer] : [];
}

function appendedAt(accepted: Accepted): Appended {
  return {
    kind: 'appended',
    firstPosition: accepted.firstPosition,
    position: accepted.firstPosition + accepted.count - 1,
    writes: accepted.writes,
    createdUs: accepted.createdUs,
    repeated: false,
  };
}

function repeatOf(record: EntryRecord, payload: PayloadView): Appended {
  const revisions = new Map<string, number>();
  for (let n = 0; n < record.count; n++) {
    const event = scanRecordedEvent(payload.bytes, payload.eventStart(n), payload.eventEnd(n));
    if (event) revisions.set(event.stream, event.revision);
  }
  const writes: WriteResult[] = Array.from(revisions, ([stream, revision]) => ({ stream, revision }));
  const { firstPosition, nextPosition, createdUs } = record;
  return { kind: 'appended', firstPosition, position: nextPosition - 1, writes, createdUs, repeated: true };
}

/** A producer's append that its cursor has passed: it is in the store, at a place that is no longer known (rule S7). */
function passedLongAgo(): Appended {
  return { kind: 'appended', firstPosition: 0, position: 0, writes: [], createdUs: 0, repeated: true };
}

function tooLate(): FactstoreError {
  const text = 'the deadline of the append passed before it was judged. Nothing was written.';
  return new FactstoreError('DEADLINE_EXCEEDED', text, {}, { definite: true });
}

function expired(ageMs: number): FactstoreError {
  return new FactstoreError(
    'APPEND_ID_EXPIRED',
    `the first attempt of this append was ${Math.round(ageMs / 1000)} s ago, longer than append ids are remembered for sure (${APPEND_ID_WINDOW_MS / 1000} s). It was not appended now; whether it was then, a read will tell.`,
    { ageMs: Math.round(ageMs), windowMs: APPEND_ID_WINDOW_MS },
  );
}

function diskReserve(): FactstoreError {
  return new FactstoreError(
    'DISK_RESERVE',
    'the leader is short of disk space and takes no appends until there is more free than its reserve. Nothing was written.',
  );
}

function overloaded(pendingBytes: number): FactstoreError {
  return new FactstoreError(
    'OVERLOADED',
    `the leader has ${pendingBytes} bytes of appends that are not yet applied. Nothing was written; try again shortly.`,
    { pendingBytes },
  );
}

function clockNotTrusted(): FactstoreError {
  return new FactstoreError(
    'NOT_READY',
    "the leader's clock jumped by more than a day while it ran. Nothing was written. Set the clock right and restart the node.",
  );
}
