import { assert } from '../base/assert.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { Raft } from '../raft/raft.ts';
import {
  type Configuration,
  EntryType,
  type HardState,
  type MemberId,
  type RaftOptions,
  type RaftStatus,
  type ReadAnswer,
  type Role,
  type TermRun,
} from '../raft/types.ts';
import { type Clock, every, type Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { Watched } from '../runtime/watched.ts';
import type { Damage } from '../storage/damage.ts';
import {
  type EntryRecord,
  type LogPlace,
  PIECE_BYTES,
  placeOf,
  sealEntry,
  sealMembership,
  sealNoop,
  type UnwrittenPayload,
} from '../storage/record.ts';
import { ApplyLoop } from './apply-loop.ts';
import { CatchUp, type CatchUpPorts, isReferral } from './catch-up.ts';
import { Fitness } from './fitness.ts';
import type {
  AppliedState,
  DurableLog,
  Inbound,
  MembershipCodec,
  PeerMessage,
  SpaceGuard,
  Transport,
} from './ports.ts';
import { Proposals } from './proposals.ts';
import { RaftDriver } from './raft-driver.ts';
import { ReadBarrier } from './read-barrier.ts';
import { Sealer } from './sealer.ts';

export interface ReplicaOptions {
  readonly id: MemberId;
  readonly tickIntervalMs: number;
  readonly raft: Omit<RaftOptions, 'id' | 'random' | 'noop'>;
}

/** What the raft log was found to hold when it was opened. */
export interface Recovered {
  readonly hardState: HardState;
  readonly end: LogPlace;
  readonly termRuns: readonly TermRun[];
  /** The newest committed membership entry and those above the commit index, oldest first. */
  readonly memberships: readonly EntryRecord[];
}

export interface ReplicaPorts extends Pick<CatchUpPorts, 'fetchEntries'> {
  readonly log: DurableLog;
  readonly state: AppliedState;
  readonly transport: Transport;
  readonly members: MembershipCodec;
  readonly space: SpaceGuard;
  readonly clock: Clock;
  readonly logger: Logger;
  random(from: number, to: number): number;
  /** Records have been applied, in order. */
  applied(records: readonly EntryRecord[]): void;
  /** This node no longer leads. */
  leadershipLost(): void;
  /** Another member leads now, or none. */
  leaderChanged(leader: MemberId | undefined): void;
  /** Another configuration is in force, or on its way: `configurations` tells. */
  membersChanged(): void;
  /** Which peers cannot be reached, and why; for error texts. */
  visibility(): string;
  /** State that can no longer be trusted, or a disk that failed: the process must end. */
  fatal(error: unknown): void;
}

/** How long an open append waits to learn its fate after leadership was lost (rule S8). */
const FATE_WAIT_MS = 5_000;
const READ_RETRY_MS = 50;

/** One node's part in the replicated log: proposals in, applied records out, and reads that are as fresh as asked. */
export class Replica implements Inbound {
  private readonly core: Raft<EntryRecord>;
  private readonly driver: RaftDriver;
  private readonly loop: ApplyLoop;
  private readonly sealer: Sealer;
  private readonly proposals = new Proposals();
  private readonly barrier: ReadBarrier;
  private readonly ports: ReplicaPorts;
  private readonly options: ReplicaOptions;
  /** The last applied position, for those who wait for it. */
  readonly head: Watched;
  /** The end of the log when the node started; later the end is in memory. */
  private readonly recoveredEnd: LogPlace;
  private ticker: Timer | undefined;
  private readonly fitness: Fitness;
  private readonly catchUp: CatchUp;
  private readonly fateTimers = new Set<Timer>();
  private seenMembers: readonly Configuration[];
  private seen: Pick<RaftStatus, 'role' | 'term' | 'leader'>;
  private stopping = false;
  /** The applied index as long as this node leads: closed when leadership is lost. */
  private leading: Watched;

  constructor(options: ReplicaOptions, recovered: Recovered, ports: ReplicaPorts) {
    this.options = options;
    this.ports = ports;
    this.recoveredEnd = recovered.end;
    this.core = this.newCore(recovered);
    this.seen = { role: this.core.role, term: this.core.term, leader: this.core.leader };
    this.seenMembers = this.configurations;
    this.head = new Watched(ports.state.head);
    this.leading = new Watched(ports.state.appliedIndex);
    const { clock, logger } = ports;
    this.fitness = new Fitness({ core: this.core, clock, logger, handOver: () => this.transferLeadership(undefined) });
    this.catchUp = new CatchUp({
      log: ports.log,
      clock,
      fetchEntries: ports.fetchEntries,
      filled: (append) => this.step(append),
      fatal: (error) => this.fail(error),
    });
    this.barrier = new ReadBarrier((id) => this.requestRead(id), ports.clock.soon);
    this.loop = new ApplyLoop({
      log: ports.log,
      state: ports.state,
      clock: ports.clock,
      inMemory: (index) => this.core.entryInMemory(index)?.payload,
      applied: (records) => this.onApplied(records),
    });
    this.sealer = new Sealer({
      clock: ports.clock,
      stands: (record) => !this.stopping && this.core.entryInMemory(record.index)?.payload === record,
      sealed: (record) => this.driver.release(record.index),
      fatal: (error) => this.fail(error),
    });
    this.driver = new RaftDriver(this.core, {
      log: ports.log,
      transport: { send: (message) => this.send(message) },
      space: ports.space,
      clock: ports.clock,
      reads: (answers) => this.onReads(answers),
      disk: this.fitness.disk,
      committed: (index) => this.loop.committed.raise(index),
      unsendable: (to, { text }) =>
        logger.error({ event: 'log.unsendable', peer: to }, `${to} waits for what this node has lost: ${text}`),
      turned: () => this.onTurned(),
      fatal: (error) => this.fail(error),
    });
  }

  private newCore({ hardState, end, termRuns, memberships }: Recovered): Raft<EntryRecord> {
    const { id, raft } = this.options;
    const { members, random, state } = this.ports;
    const read = (record: EntryRecord) => ({ index: record.index, configuration: members.read(record) });
    const [inForce, ...changes] = memberships.map(read);
    assert(inForce, 'the founding record is missing in the log');
    return new Raft<EntryRecord>(
      {
        ...raft,
        id,
        random,
        noop: (index, term) => sealNoop(index, term, this.logEnd()),
        configurationIn: (payload) => members.read(payload as EntryRecord),
      },
      {
        hardState,
        lastIndex: end.index,
        termRuns,
        applied: state.appliedIndex,
        configuration: inForce.configuration,
        configurationIndex: inForce.index,
        changes,
      },
    );
  }

  start(): void {
    this.loop.start((error) => this.fail(error));
    this.ticker = every(this.ports.clock, this.options.tickIntervalMs, () => this.tick());
    this.fitness.start();
    this.driver.wake();
  }

  /** Ends after the batch that is being written. Open appends get an indefinite answer. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.ticker?.cancel();
    this.fitness.stop();
    for (const timer of this.fateTimers) timer.cancel();
    await this.driver.stop();
    await this.loop.stop();
    this.leading.close();
    this.proposals.abandon('the node is stopping');
    this.barrier.close();
  }

  receive(message: PeerMessage, clockUs: number): void {
    if (this.stopping) return;
    this.fitness.hear(message, clockUs);
    if (message.type === 'timeoutNow') void this.takeOver(message);
    else if (isReferral(message)) void this.catchUp.follow(message);
    else this.step(message);
  }

  private step(message: PeerMessage): void {
    const entries = message.type === 'append' || message.type === 'appendResponse';
    if (!this.stopping) this.guarded(() => this.core.step(message), entries);
  }

  connectionLost(member: MemberId): void {
    if (this.stopping) return;
    this.core.connectionLost(member);
    this.driver.wake();
  }

  /** True while this node leads and may judge and propose (rule S1). */
  get acceptsProposals(): boolean {
    return !this.stopping && this.core.acceptsProposals;
  }

  /** True: this node's clock has jumped by more than a day, and gives no event its time (rule S15). */
  get clockHasJumped(): boolean {
    return this.fitness.clockHasJumped;
  }

  get unappliedBytes(): number {
    return this.core.unappliedBytes;
  }

  get appliedIndex(): number {
    return this.loop.applied.value;
  }

  get leader(): MemberId | undefined {
    return this.core.leader;
  }

  get role(): Role {
    return this.core.role;
  }

  get term(): number {
    return this.core.term;
  }

  /** What each other member has acknowledged of what is committed (rule D9). */
  get acknowledged(): ReadonlyMap<MemberId, number> {
    return this.core.acknowledged;
  }

  /** The configuration in force, and those that entries not known to be committed will put in force. */
  get configurations(): readonly Configuration[] {
    return [this.core.configuration, ...this.core.changes];
  }

  /** Why the members cannot be changed to these now (thesis §4); undefined: they can. */
  changeRefusal(to: Configuration): string | undefined {
    return this.core.changeRefusal(to);
  }

  /**
   * Proposes a change of members against which there is no refusal. In force once the entry is committed. Undefined: not
   * at this moment, as a large entry is being sealed, whose hash this one would continue.
   */
  proposeMembers(payload: Uint8Array): LogPlace | undefined {
    if (this.stopping || !this.sealer.idle) return undefined;
    const entry = sealMembership(this.core.term, this.logEnd(), payload);
    this.driver.propose(EntryType.membership, entry, true);
    return entry;
  }

  /** Whether an entry is committed. Where it is not, another leader's may be, in its place. */
  hasCommitted({ index, term }: Pick<LogPlace, 'index' | 'term'>): boolean {
    return index <= this.core.commit && this.core.termAt(index) === term;
  }

  status(): RaftStatus {
    return this.core.status();
  }

  /** What this node has lost of what a member lacks, so that it waits; undefined: as far as it knows nothing. */
  lostFor(member: MemberId): Damage | undefined {
    return this.driver.lostFor(member);
  }

  /** The end of this node's log, committed or not; what a leader's next entry continues. */
  logEnd(): LogPlace {
    const last = this.core.entryInMemory(this.core.lastIndex)?.payload;
    if (last) return last;
    assert(this.core.lastIndex === this.recoveredEnd.index, () => `log entry ${this.core.lastIndex} is not in memory`);
    return this.recoveredEnd;
  }

  /** Puts judged events into the log. Synchronous, and never refused while `acceptsProposals` (rule S1). */
  propose(draft: { firstPosition: number; count: number; createdUs: number; payload: UnwrittenPayload }): number {
    try {
      const end = this.logEnd();
      assert(
        draft.firstPosition === end.nextPosition,
        () => `position ${draft.firstPosition} does not follow the log (S2)`,
      );
      const { firstPosition, count, createdUs, payload } = draft;
      const { term } = this.core;
      const place = { index: end.index + 1, term, type: EntryType.events, firstPosition, count, createdUs, payload };
      const small = draft.payload.length <= PIECE_BYTES && this.sealer.idle;
      const record = small ? sealEntry(place, end.chain) : this.sealer.begin(place, end);
      this.driver.propose(EntryType.events, record, small);
      return record.index;
    } catch (error) {
      // An admitted append that cannot be proposed leaves a hole behind what was judged: the node must not go on.
      this.fail(error);
      throw error;
    }
  }

  /** Carries the time of the log on, although nobody appends (rule R1). False: not now, as something is under way. */
  proposeTime(createdUs: number): boolean {
    const end = this.logEnd();
    if (!this.acceptsProposals || !this.sealer.idle || createdUs <= end.createdUs) return false;
    this.proposeNoop({ ...placeOf(end), createdUs });
    return true;
  }

  private proposeNoop(end: LogPlace): void {
    this.driver.propose(EntryType.noop, sealNoop(end.index + 1, this.core.term, end), true);
  }

  /** The applied record of a proposal of the current term; rejects as rule S8 says. */
  outcome(index: number): Promise<EntryRecord> {
    return this.proposals.wait(index, this.core.termAt(index) ?? this.core.term);
  }

  /**
   * Resolves once everything in the log now is committed and applied, and this node was confirmed as leader since
   * (rule S5). Ends in NOT_LEADER, definite, where leadership was lost meanwhile.
   */
  async confirm(): Promise<void> {
    const term = this.core.term;
    const judgedAt = this.core.lastIndex;
    const { leading } = this;
    const confirmed = (await this.barrier.readIndex()) !== undefined;
    const applied = confirmed && (await leading.reached(judgedAt));
    if (!applied || this.core.role !== 'leader' || this.core.term !== term) throw this.notLeader();
  }

  /** Waits until this node has applied everything that was committed anywhere when it was called (ReadIndex). */
  async linearize(signal: Signal): Promise<void> {
    while (!signal.aborted && !this.stopping) {
      // The barrier always answers: only the abort is caught, which ends the loop.
      const index = await untilAborted(this.barrier.readIndex(), signal).catch(() => undefined);
      if (index !== undefined) {
        if (await this.loop.applied.reached(index, signal)) return;
        break;
      }
      await this.ports.clock.sleep(READ_RETRY_MS, signal);
    }
    throw this.core.leader === undefined ? this.noLeader() : timedOut(this.ports.state.head);
  }

  /** An entry that is still in memory and applied (rule S13). */
  inMemory(index: number): EntryRecord | undefined {
    return index <= this.appliedIndex ? this.core.entryInMemory(index)?.payload : undefined;
  }

  /** False: there is nobody to take it. */
  transferLeadership(to: MemberId | undefined): boolean {
    const accepted = this.core.transferLeadership(to);
    this.driver.wake();
    return accepted;
  }

  /** This node had better not lead (rule D1): hands over, if it leads and somebody takes it. */
  stepAside(): void {
    this.fitness.stepAside();
  }

  notLeader(): FactstoreError {
    return new FactstoreError('NOT_LEADER', 'this node does not lead (any more). Nothing was written.');
  }

  noLeader(): FactstoreError {
    return new FactstoreError('NO_LEADER', `no leader: ${this.ports.visibility()}. Nothing was written.`);
  }

  /**
   * A late tick counts once, and only after waiting input has been stepped (rule C3): after a pause, the heartbeats that
   * arrived during it must be seen before the election timer is.
   */
  private tick(): void {
    this.ports.clock.soon(() => {
      if (this.stopping) return;
      this.guarded(() => this.core.tick());
    });
  }

  /**
   * Campaigning at the leader's wish deposes it. A node that could not lead, or not even write its vote down, stays
   * quiet: the leader gives up after a while, and goes on.
   */
  private async takeOver(message: PeerMessage): Promise<void> {
    try {
      const room = await this.ports.space.enough();
      if (room && this.fitness.mayLead && !this.stopping) this.guarded(() => this.core.step(message));
    } catch (error) {
      this.fail(error);
    }
  }

  private send(message: PeerMessage): void {
    if (this.fitness.maySend(message)) this.ports.transport.send(this.fitness.telling(message));
  }

  private requestRead(id: number): void {
    if (this.stopping) {
      this.barrier.answer({ id, index: undefined });
      return;
    }
    this.core.requestRead(id);
    this.driver.wake();
  }

  private onReads(answers: readonly ReadAnswer[]): void {
    for (const answer of answers) this.barrier.answer(answer);
  }

  private onApplied(records: readonly EntryRecord[]): void {
    this.ports.applied(records);
    for (const record of records) this.proposals.applied(record);
    this.head.raise(this.ports.state.head);
    this.leading.raise(this.loop.applied.value);
    this.core.applied(this.loop.applied.value);
    this.driver.wake();
  }

  private onTurned(): void {
    if (this.core.lacksFence && this.sealer.idle) this.proposeNoop(this.logEnd());
    if (this.core.mayLeaveJoint) this.proposeMembers(this.ports.members.leaveJoint(this.core.configuration));
    const members = this.configurations;
    if (members.length !== this.seenMembers.length || members.some((one, n) => one !== this.seenMembers[n])) {
      this.seenMembers = members;
      this.ports.membersChanged();
    }
    const { role, term, leader } = this.core;
    const before = this.seen;
    if (role === before.role && term === before.term && leader === before.leader) return;
    this.seen = { role, term, leader };
    const { logger } = this.ports;
    logger.info(
      { event: 'raft.role', role, term, leader },
      `${role} in term ${term}${leader ? `, led by ${leader}` : ''}`,
    );
    if (leader !== before.leader) this.ports.leaderChanged(leader);
    if (before.role === 'leader' && (role !== 'leader' || term !== before.term)) this.leadershipLost(before.term);
  }

  private leadershipLost(term: number): void {
    this.leading.close();
    this.leading = new Watched(this.loop.applied.value);
    this.ports.leadershipLost();
    const timer = this.ports.clock.setTimer(FATE_WAIT_MS, () => {
      this.fateTimers.delete(timer);
      this.proposals.abandon('leadership was lost before the append was committed', term);
    });
    this.fateTimers.add(timer);
  }

  /** An input of the core: whatever it throws means that the state can no longer be trusted. */
  private guarded(input: () => void, entries = false): void {
    try {
      input();
    } catch (error) {
      this.fail(error);
    }
    this.driver.wake(entries);
  }

  /** From here on nothing is taken in, sent or written: the process is about to end (rules D1, S2). */
  private fail(error: unknown): void {
    if (this.stopping) return;
    this.stopping = true;
    this.ticker?.cancel();
    this.fitness.stop();
    this.driver.halt();
    this.ports.fatal(error);
  }
}

function timedOut(head: number): FactstoreError {
  return new FactstoreError('BEHIND', `this node is at position ${head} and did not catch up in time`, { head });
}
