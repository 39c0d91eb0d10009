import { assert } from '../base/assert.ts';
import { rememberAcknowledged } from './acknowledged.ts';
import { countOwnVote } from './election.ts';
import { changeRefusal, commitTo, isSettled, lacksFence, mayLeaveJoint, noteChange } from './membership.ts';
import { advanceReads, forwardReads, requestRead } from './read-index.ts';
import { advanceCommit, owesCommit, replicate } from './replication.ts';
import { RaftState } from './state.ts';
import { step } from './step.ts';
import { connectionLost, tick } from './ticks.ts';
import { startTransfer } from './transfer.ts';
import {
  type Configuration,
  type Entry,
  EntryType,
  type InitialState,
  type MemberId,
  type Message,
  type Persist,
  type PersistToken,
  type RaftCore,
  type RaftOptions,
  type RaftStatus,
  type Ready,
  type Role,
} from './types.ts';

/** The consensus core of one node. See types.ts for what its methods promise and DESIGN.md for how it hangs together. */
export class Raft<P> implements RaftCore<P> {
  private readonly state: RaftState<P>;
  /** What the last `ready()` said. */
  private committedTo: number;

  constructor(options: RaftOptions, initial: InitialState) {
    this.state = new RaftState<P>(options, initial);
    this.committedTo = initial.applied;
    // What was applied is committed, also where the saved commit index is older.
    commitTo(this.state, this.state.log.commit);
  }

  get role(): Role {
    return this.state.role;
  }

  get term(): number {
    return this.state.term;
  }

  get leader(): MemberId | undefined {
    return this.state.leader;
  }

  get commit(): number {
    return this.state.log.commit;
  }

  get lastIndex(): number {
    return this.state.log.lastIndex;
  }

  get persistedIndex(): number {
    return this.state.disk.persistedIndex;
  }

  get acceptsProposals(): boolean {
    const { leadership, log } = this.state;
    return leadership !== undefined && leadership.transfer === undefined && log.applied >= leadership.noopIndex;
  }

  get unappliedBytes(): number {
    return this.state.leadership?.unappliedBytes ?? 0;
  }

  tick(): void {
    tick(this.state);
  }

  step(message: Message<P>): void {
    step(this.state, message);
  }

  propose(type: EntryType, bytes: number, payload: P, ready = true): Entry<P> {
    const { leadership, log, term } = this.state;
    assert(leadership !== undefined, 'only a leader takes proposals');
    assert(leadership.transfer === undefined, 'leadership is being handed over');
    const entry = { index: log.lastIndex + 1, term, type, bytes, payload };
    if (type === EntryType.membership) this.takeChange(entry);
    log.append(entry);
    leadership.unappliedBytes += bytes;
    if (!ready) this.state.heldFrom ??= entry.index;
    assert(ready === (this.state.heldFrom === undefined), 'what follows an entry that is held is held, too');
    return entry;
  }

  private takeChange(entry: Entry<P>): void {
    const { configurationIn } = this.state.options;
    const refusal = configurationIn && this.changeRefusal(configurationIn(entry.payload));
    assert(refusal === undefined, () => `the members cannot be changed: ${refusal}`);
    noteChange(this.state, entry);
  }

  get configuration(): Configuration {
    return this.state.configuration;
  }

  get changes(): readonly Configuration[] {
    return this.state.changes.map((change) => change.configuration);
  }

  changeRefusal(to: Configuration): string | undefined {
    return changeRefusal(this.state, to);
  }

  get lacksFence(): boolean {
    return lacksFence(this.state);
  }

  get mayLeaveJoint(): boolean {
    return mayLeaveJoint(this.state);
  }

  release(index: number): void {
    const { heldFrom, log } = this.state;
    if (heldFrom === undefined || index < heldFrom) return;
    this.state.heldFrom = index < log.lastIndex ? index + 1 : undefined;
  }

  get acknowledged(): ReadonlyMap<MemberId, number> {
    const { acknowledged, leadership } = this.state;
    if (leadership !== undefined) rememberAcknowledged(this.state, leadership);
    return acknowledged;
  }

  requestRead(id: number): void {
    requestRead(this.state, id);
  }

  transferLeadership(to: MemberId | undefined): boolean {
    const { leadership } = this.state;
    return leadership !== undefined && startTransfer(this.state, leadership, to);
  }

  persisted(token: PersistToken): void {
    const { state } = this;
    state.disk.completed(token);
    countOwnVote(state);
    if (state.leadership !== undefined) advanceCommit(state, state.leadership);
    this.evict();
  }

  applied(index: number): void {
    const { log, leadership } = this.state;
    // What the own disk could still lose must not have left a trace elsewhere (rule D8).
    assert(index <= this.applicable(), () => `${index} was applied, but only ${this.applicable()} may be`);
    if (leadership !== undefined) {
      for (let i = Math.max(log.applied, leadership.noopIndex) + 1; i <= index; i++) {
        leadership.unappliedBytes -= log.entry(i)?.bytes ?? 0;
      }
    }
    log.appliedTo(index);
    this.evict();
  }

  connectionLost(peer: MemberId): void {
    connectionLost(this.state, peer);
  }

  get owesCommit(): boolean {
    const { leadership } = this.state;
    return leadership !== undefined && owesCommit(this.state, leadership);
  }

  announce(index: number): void {
    const { leadership } = this.state;
    if (leadership !== undefined) leadership.announced = index;
  }

  ready(diskIdle: boolean): Ready<P> {
    // First the batch: what goes to the own disk goes to the followers in the same turn.
    const persist = diskIdle && this.diskLacks() ? this.batch() : undefined;
    this.gather();
    const { outbox } = this.state;
    const messages = outbox.takeMessages();
    this.committedTo = this.applicable();
    return { messages, persist, committedTo: this.committedTo, reads: outbox.takeAnswers() };
  }

  hasReady(diskIdle: boolean): boolean {
    if (diskIdle && this.diskLacks()) return true;
    this.gather();
    const { outbox } = this.state;
    return outbox.hasMessages || outbox.hasAnswers || this.applicable() > this.committedTo;
  }

  termAt(index: number): number | undefined {
    return this.state.log.termAt(index);
  }

  entryInMemory(index: number): Entry<P> | undefined {
    return this.state.log.entry(index);
  }

  status(): RaftStatus {
    const { role, term, vote, leader, log, disk, leadership } = this.state;
    return {
      role,
      term,
      vote,
      leader,
      commit: log.commit,
      applied: log.applied,
      lastIndex: log.lastIndex,
      persisted: disk.persistedIndex,
      transferee: leadership?.transfer?.to,
      configuration: this.state.configuration,
      pendingChange: this.state.changes[0]?.index,
      begunAt: leadership?.noopIndex,
      changeSettled: leadership !== undefined && isSettled(this.state, leadership),
      progress: [...(leadership?.progress.values() ?? [])].map((progress) => progress.status()),
    };
  }

  /** Turns what the inputs since the last time led to into messages. */
  private gather(): void {
    const { state } = this;
    if (state.leadership !== undefined) {
      advanceReads(state, state.leadership);
      replicate(state, state.leadership);
    } else {
      forwardReads(state);
    }
    // With nothing to write and nothing being written, whatever waits for the disk waits no longer.
    if (state.disk.idle && !this.diskLacks()) state.outbox.releaseWaiting();
  }

  private diskLacks(): boolean {
    const { disk, readyIndex, term, vote } = this.state;
    return disk.lacks(readyIndex, term, vote);
  }

  private batch(): Persist<P> {
    const { disk, log, outbox, hardState, readyIndex, options } = this.state;
    const from = disk.handedIndex + 1;
    const entries = from > readyIndex ? [] : log.slice(from, options.batchBytesMax, readyIndex - from + 1);
    assert(from > readyIndex || entries.length > 0, 'entries that are not on disk yet must be in memory');
    const to = from + entries.length - 1;
    // What the next batch brings cannot be known to be committed by the disk before.
    const state = { ...hardState, commit: Math.min(hardState.commit, to) };
    const { token, truncateAfter } = disk.handOut(to, log.termAt(to) as number, state);
    // They vouch for the whole log.
    const messagesAfter = to === log.lastIndex ? outbox.takeWaiting() : [];
    return { truncateAfter, entries, hardState: state, messagesAfter, token };
  }

  /** How far the log may be applied: committed, and synced on this node (rule D8). */
  private applicable(): number {
    const { log, disk } = this.state;
    return Math.min(log.commit, disk.persistedIndex);
  }

  /**
   * What is on disk may leave memory, also before it is applied: a follower confirms what it has synced, however far its
   * applying lags. All but the last entry that is ready: the next one continues it, also once those that are held have been
   * dropped. And all but what a leader has proposed and not applied: it counts the bytes of that, which are bounded (S1).
   */
  private evict(): void {
    const { log, disk, readyIndex, leadership, options } = this.state;
    const counted = leadership ? Math.max(log.applied, leadership.noopIndex) : readyIndex;
    log.evict(Math.min(disk.persistedIndex, readyIndex - 1, counted), options.tailBytesMax);
  }
}
