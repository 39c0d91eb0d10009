import { InvariantViolation } from '../base/assert.ts';
import { allMembers } from '../raft/configuration.ts';
import type { EntryType, MemberId, Message, Persist, RaftCore, ReadAnswer } from '../raft/types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { SharedTurn } from '../runtime/shared-turn.ts';
import { type Damage, damageIn } from '../storage/damage.ts';
import { type EntryRecord, PIECE_BYTES } from '../storage/record.ts';
import { entryOf } from './catch-up.ts';
import { firstBreak } from './continuation.ts';
import type { DurableLog, PeerMessage, SpaceGuard, Transport } from './ports.ts';
import { Referrals } from './referrals.ts';

export interface RaftDriverPorts {
  readonly log: DurableLog;
  readonly transport: Transport;
  readonly space: SpaceGuard;
  readonly clock: Clock;
  /** Is told when a batch of entries begins to be written, when it is, and what is committed without this node's disk. */
  readonly disk: { begun(lastIndex: number): void; written(): void; committed(index: number): void };
  reads(answers: readonly ReadAnswer[]): void;
  /** Entries up to here may be applied. */
  committed(index: number): void;
  /** A member that lags cannot be sent what it lacks, as this node has lost it. */
  unsendable(to: MemberId, damage: Damage): void;
  /** Called after every turn: role, term or leader may have changed. */
  turned(): void;
  fatal(error: unknown): void;
}

/** One load of entries from disk at a time for each follower; the core asks for no second one before the answer. */
const LOAD_BYTES_MAX = 2 << 20;
const SPACE_RETRY_MS = 500;
/** Followers hear of what is committed with the next append, or after this long without one. */
const ANNOUNCE_MS = 1;

/**
 * The ready loop: turns what the core wants into disk writes and messages (see RaftCore).
 *
 * - Group commit: one batch is written at a time; what arrives meanwhile goes into the next one.
 * - Messages that promise something (votes, acknowledgements) go out after the batch that keeps the promise is synced;
 *   all others at once, so that a leader's disk works in parallel with its followers'.
 */
export class RaftDriver {
  readonly core: RaftCore<EntryRecord>;
  private readonly ports: RaftDriverPorts;
  private writing = false;
  private readonly shared: SharedTurn;
  /** The entries of the newest batch that was written. */
  private batched = 0;
  private stopped = false;
  private idle: (() => void) | undefined;
  private announcing: Timer | undefined;
  private readonly referrals = new Referrals();
  /** What those lack that cannot be sent it. */
  private readonly lost = new Map<MemberId, Damage>();

  constructor(core: RaftCore<EntryRecord>, ports: RaftDriverPorts) {
    this.core = core;
    this.ports = ports;
    this.shared = new SharedTurn(ports.clock, () => this.guarded(() => this.turn()));
  }

  /**
   * Sees to it that the core's wishes are met soon; call it after every input. `entries`: it brought some, or confirmed
   * some. As long as batches hold one entry, another is not expected to follow in the same turn.
   */
  wake(entries = false): void {
    if (!this.stopped) this.shared.join(entries && this.batched <= 1);
  }

  /** Nothing is sent or written any more, save the batch that is being written. */
  halt(): void {
    this.stopped = true;
    this.announcing?.cancel();
  }

  /** Ends after the batch that is being written; nothing is sent or written any more. */
  async stop(): Promise<void> {
    this.halt();
    if (this.writing) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  /** What this node has lost of what a member lacks; undefined: as far as it knows nothing. */
  lostFor(member: MemberId): Damage | undefined {
    return this.lost.get(member);
  }

  /** A proposal of this node, sealed by itself; `sealed` false: it will be, and then `release` is called. */
  propose(type: EntryType, record: EntryRecord, sealed: boolean): void {
    this.core.propose(type, record.bytes.length, record, sealed);
    this.wake(true);
  }

  /** Entries up to this index are sealed now. */
  release(index: number): void {
    this.core.release(index);
    this.wake();
  }

  private turn(): void {
    if (this.stopped) return;
    while (this.core.hasReady(!this.writing)) {
      const ready = this.core.ready(!this.writing);
      this.send(ready.messages);
      if (ready.persist) this.startWrite(ready.persist);
      this.ports.disk.committed(this.core.commit);
      this.ports.committed(ready.committedTo);
      if (ready.reads.length > 0) this.ports.reads(ready.reads);
    }
    if (this.core.owesCommit) this.announceSoon();
    this.ports.turned();
  }

  /** Appends that follow one another closely cost each follower one message, and not two. */
  private announceSoon(): void {
    if (this.announcing) return;
    const { commit } = this.core;
    this.announcing = this.ports.clock.setTimer(ANNOUNCE_MS, () => {
      this.announcing = undefined;
      this.core.announce(commit);
      this.wake();
    });
  }

  private startWrite(batch: Persist<EntryRecord>): void {
    this.batched = batch.entries.length;
    const last = batch.entries.at(-1);
    if (last) this.ports.disk.begun(last.index);
    this.writing = true;
    this.write(batch).then(
      () => {
        this.writing = false;
        this.idle?.();
        this.guarded(() => this.written(batch));
      },
      (error: unknown) => {
        this.writing = false;
        this.idle?.();
        this.ports.fatal(error);
      },
    );
  }

  private async write(batch: Persist<EntryRecord>): Promise<void> {
    const records = batch.entries.map((entry) => entry.payload as EntryRecord);
    await this.checkReceived(records);
    // Below the reserve nothing is written, so nothing is acknowledged (rule D1); space may come back.
    while (!this.stopped && !(await this.ports.space.enough())) await this.ports.clock.sleep(SPACE_RETRY_MS);
    // LevelDB copies the batch: not in the same turn as the messages that carry it (rule C3).
    if (records.some((record) => record.payload.length > PIECE_BYTES)) await this.ports.clock.yieldTurn();
    if (this.stopped) return;
    await this.ports.log.write({ truncateAfter: batch.truncateAfter, records, hardState: batch.hardState });
  }

  private written(batch: Persist<EntryRecord>): void {
    this.ports.disk.written();
    if (this.stopped) return;
    this.send(batch.messagesAfter);
    this.core.persisted(batch.token);
    this.turn();
  }

  /**
   * Checks what came from another node before it is acknowledged; what this node sealed itself needs no second look. A break
   * means that two nodes disagree about what is committed, or that bytes were changed under way; the node stops rather than
   * skip over it.
   */
  private async checkReceived(records: readonly EntryRecord[]): Promise<void> {
    // Entries of its own term come to a leader from nobody but itself.
    const ownTerm = this.core.role === 'leader' ? this.core.term : undefined;
    const from = records.findIndex((record) => record.term !== ownTerm);
    const first = records[from];
    if (!first) return;
    const { log, clock } = this.ports;
    const behind = records[from - 1] ?? (await log.placeAt(first.index - 1));
    const broken = await firstBreak(records.slice(from), behind, clock.yieldTurn, ({ term }) => term === ownTerm);
    if (!broken) return;
    const { record, end, problem } = broken;
    throw new InvariantViolation(
      `log entry ${record.index} of term ${record.term}, received from the leader, does not continue entry ${end.index} of term ${end.term}: ${problem}`,
    );
  }

  private send(messages: readonly Message<EntryRecord>[]): void {
    for (const message of messages) {
      if (message.type === 'append' && message.entries === undefined) this.referOrLoad(message);
      else this.ports.transport.send(message);
    }
  }

  /**
   * What is committed is the same everywhere (rule C5): where there is a third member, the follower is told the range and
   * gets it there (`CatchUp`).
   */
  private referOrLoad(message: Extract<PeerMessage, { type: 'append' }>): void {
    const committed = message.commit - message.index;
    const third = allMembers(this.core.status().configuration).size > 2;
    if (committed <= 0 || !third || !this.referrals.name(message.to, message.index)) void this.loadAndSend(message);
    else this.ports.transport.send({ ...message, loadMax: Math.min(message.loadMax, committed) });
  }

  /**
   * Sends entries that are no longer in memory. They were on disk when the core asked, and a leader never truncates its
   * own log; so if the term is still the same once they are read, they are the entries that the message means.
   */
  private async loadAndSend(message: Extract<PeerMessage, { type: 'append' }>): Promise<void> {
    try {
      const from = message.index + 1;
      const entries = await this.ports.log.read(from, message.index + message.loadMax, LOAD_BYTES_MAX);
      this.lost.delete(message.to);
      if (this.stopped || entries.length === 0) return;
      if (this.core.term !== message.term || this.core.role !== 'leader') return;
      this.ports.transport.send({ ...message, entries: entries.map(entryOf) });
    } catch (error) {
      if (!this.stopped) this.notLoaded(message.to, error);
    }
  }

  /**
   * What is damaged below the commit index is told to whoever watches over the log, and ends the node where another member
   * can mend it. Where none can, the node goes on with all that it still has, and the member waits.
   */
  private notLoaded(to: MemberId, error: unknown): void {
    const damage = damageIn(error);
    if (damage?.kind !== 'belowCommit') return this.ports.fatal(error);
    const known = this.lost.get(to)?.index === damage.index;
    this.lost.set(to, damage);
    if (!known) this.ports.unsendable(to, damage);
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.ports.fatal(error);
    }
  }
}
