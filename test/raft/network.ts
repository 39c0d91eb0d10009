import { Prng } from '../../src/base/prng.ts';
import { isJoint, leaveJoint } from '../../src/raft/changer.ts';
import { Raft } from '../../src/raft/raft.ts';
import {
  type Configuration,
  type Entry,
  EntryType,
  type HardState,
  type MemberId,
  type Message,
  type Persist,
  type RaftOptions,
  type ReadAnswer,
  type TermRun,
} from '../../src/raft/types.ts';

export type Note = Message<string>;
export type NoteOf<T extends Note['type']> = Note & { readonly type: T };

/** What survives a crash. */
export interface Disk {
  entries: Entry<string>[];
  hardState: HardState;
}

export function emptyDisk(): Disk {
  return { entries: [], hardState: { term: 0, vote: undefined, commit: 0 } };
}

/** A disk whose log has these terms, from index 1 on. */
export function diskWithTerms(terms: readonly number[], term = terms.at(-1) ?? 0, commit = 0): Disk {
  const entries = terms.map((t, i) => ({
    index: i + 1,
    term: t,
    type: 1 as const,
    bytes: 10,
    payload: `${i + 1}@${t}`,
  }));
  return { entries, hardState: { term, vote: undefined, commit } };
}

export function termRuns(entries: readonly Entry<string>[]): TermRun[] {
  const runs: TermRun[] = [];
  let last = -1;
  for (const entry of entries) {
    if (entry.term !== last) runs.push([entry.index, entry.term]);
    last = entry.term;
  }
  return runs;
}

export function configurationOf(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = [],
  outgoing: readonly MemberId[] = [],
): Configuration {
  return {
    voters: [new Set(voters), new Set(outgoing)],
    learners: new Set(learners),
    learnersNext: new Set(),
  };
}

/** A configuration as the payload of a membership entry: voters, outgoing voters, learners, learners to be. */
export function configurationText({ voters, learners, learnersNext }: Configuration): string {
  return [...voters, learners, learnersNext].map((some) => [...some].join(' ')).join('|');
}

export function configurationFrom(text: string): Configuration {
  const [incoming, outgoing, learners, learnersNext] = text
    .split('|')
    .map((some) => new Set(some.split(' ').filter(Boolean)));
  const none = new Set<MemberId>();
  return {
    voters: [incoming ?? none, outgoing ?? none],
    learners: learners ?? none,
    learnersNext: learnersNext ?? none,
  };
}

/** An election timeout of 10 ticks (up to 19), a heartbeat every tick. */
export function testOptions(id: MemberId, prng: Prng): RaftOptions {
  return {
    id,
    electionTimeoutTicks: 10,
    heartbeatTicks: 1,
    inflightMessagesMax: 16,
    inflightBytesMax: 10_000,
    messageBytesMax: 1_000,
    messageEntriesMax: 100,
    batchBytesMax: 100_000,
    tailBytesMax: 100_000,
    appliedLagMax: 1_000,
    configurationIn: (payload) => configurationFrom(payload as string),
    random: (from, to) => prng.between(from, to),
  };
}

/** One node: the core and a driver around it, with a disk that can be held up and an apply loop that can be stopped. */
export class TestNode {
  readonly options: RaftOptions;
  readonly configuration: Configuration;
  disk: Disk;
  raft: Raft<string>;
  up = true;
  /** Batches stay in flight until `syncDisk()`. */
  holdDisk = false;
  /** A leader of a joint configuration proposes to leave it; unless the test began with one. */
  leavesJoint: boolean;
  /** Nothing is applied beyond this. */
  applyMax = Number.POSITIVE_INFINITY;
  inFlight: Persist<string> | undefined;
  committedTo = 0;
  /** What was applied, index by index. */
  applied: (string | undefined)[] = [];
  answers: ReadAnswer[] = [];
  /** Called with each batch when it is synced. */
  onSync: ((persist: Persist<string>) => void) | undefined;

  constructor(options: RaftOptions, configuration: Configuration, disk: Disk) {
    this.options = options;
    this.configuration = configuration;
    this.disk = disk;
    this.leavesJoint = !isJoint(configuration);
    this.raft = this.boot(0);
  }

  private boot(applied: number): Raft<string> {
    const changes = this.disk.entries
      .filter((entry) => entry.type === EntryType.membership)
      .map(({ index, payload }) => ({ index, configuration: configurationFrom(payload ?? '') }));
    const inForce = changes.filter(({ index }) => index <= this.disk.hardState.commit);
    return new Raft<string>(this.options, {
      hardState: this.disk.hardState,
      lastIndex: this.disk.entries.length,
      termRuns: termRuns(this.disk.entries),
      applied,
      configuration: inForce.at(-1)?.configuration ?? this.configuration,
      configurationIndex: inForce.at(-1)?.index ?? 0,
      changes: changes.slice(inForce.length),
    });
  }

  /** Takes everything that is ready; returns what is to be sent. */
  pump(): Note[] {
    const sent: Note[] = [];
    while (this.up && this.raft.hasReady(this.inFlight === undefined)) {
      const ready = this.raft.ready(this.inFlight === undefined);
      sent.push(...ready.messages);
      this.answers.push(...ready.reads);
      this.committedTo = ready.committedTo;
      if (ready.persist !== undefined) this.inFlight = ready.persist;
      if (!this.holdDisk) sent.push(...this.syncDisk());
      this.apply();
      if (this.raft.lacksFence) this.raft.propose(EntryType.noop, 0, undefined as never);
      if (this.leavesJoint && this.raft.mayLeaveJoint) this.change(leaveJoint(this.raft.configuration));
    }
    return sent;
  }

  /** Proposes another configuration. */
  change(to: Configuration): Entry<string> {
    return this.raft.propose(EntryType.membership, 10, configurationText(to));
  }

  /** The batch in flight reaches the disk; returns what may be sent now. */
  syncDisk(): readonly Note[] {
    const persist = this.inFlight;
    if (persist === undefined) return [];
    this.write(persist);
    this.inFlight = undefined;
    this.onSync?.(persist);
    this.raft.persisted(persist.token);
    return persist.messagesAfter;
  }

  private write(persist: Persist<string>): void {
    const { truncateAfter, entries, hardState } = persist;
    if (truncateAfter !== undefined) this.disk.entries.length = truncateAfter;
    for (const entry of entries) {
      if (entry.index !== this.disk.entries.length + 1) throw new Error(`entry ${entry.index} leaves a hole`);
      this.disk.entries.push(entry);
    }
    if (hardState.commit > this.disk.entries.length) throw new Error('the commit index is beyond the log');
    this.disk.hardState = hardState;
  }

  apply(): void {
    const to = Math.min(this.committedTo, this.applyMax);
    if (to <= this.applied.length) return;
    for (let index = this.applied.length + 1; index <= to; index++) {
      const entry = this.raft.entryInMemory(index) ?? this.disk.entries[index - 1];
      if (entry === undefined) throw new Error(`entry ${index} is neither in memory nor on disk`);
      this.applied.push(entry.payload);
    }
    this.raft.applied(to);
  }

  /** Fills an append from disk, as a driver does; undefined when the term has moved on meanwhile. */
  load(note: Extract<Note, { type: 'append' }>, count = note.loadMax): Note | undefined {
    if (note.term !== this.raft.term || this.raft.role !== 'leader') return undefined;
    return { ...note, entries: this.disk.entries.slice(note.index, note.index + count), loadMax: 0 };
  }

  /** The batch in flight is lost, or reaches the disk without anybody hearing of it. */
  crash(batchReachesDisk = false): void {
    if (batchReachesDisk && this.inFlight !== undefined) this.write(this.inFlight);
    this.inFlight = undefined;
    this.up = false;
  }

  /** Starts anew from disk; of what was applied, up to `keep` entries are still there. */
  restart(keep = this.applied.length): void {
    this.applied.length = Math.min(keep, this.applied.length);
    this.committedTo = this.applied.length;
    this.answers = [];
    this.raft = this.boot(this.applied.length);
    this.up = true;
  }

  get terms(): number[] {
    const terms: number[] = [];
    for (let i = 1; i <= this.raft.lastIndex; i++) terms.push(this.raft.termAt(i) ?? -1);
    return terms;
  }

  get payloads(): string[] {
    return this.applied.filter((payload) => payload !== undefined);
  }
}

export interface NetworkSettings {
  readonly seed?: number;
  readonly learners?: readonly MemberId[];
  readonly outgoing?: readonly MemberId[];
  readonly options?: Partial<RaftOptions>;
  readonly disks?: Readonly<Record<MemberId, Disk>>;
}

/** Nodes and the messages between them, all in one thread; time passes in ticks that the test gives. */
export class Network {
  readonly nodes = new Map<MemberId, TestNode>();
  readonly prng: Prng;
  /** In transit, in the order sent. */
  transit: Note[] = [];
  /** Everything that was sent, for looking at. */
  log: Note[] = [];
  /** True: the message is lost. */
  drop: (note: Note) => boolean = () => false;
  private cutOff = new Set<string>();
  private readonly founding: Configuration;

  constructor(voters: readonly MemberId[], settings: NetworkSettings = {}) {
    this.prng = new Prng(settings.seed ?? 1);
    const configuration = configurationOf(voters, settings.learners, settings.outgoing);
    this.founding = configuration;
    for (const id of new Set([...voters, ...(settings.outgoing ?? []), ...(settings.learners ?? [])])) {
      const options = { ...testOptions(id, this.prng), ...settings.options };
      this.nodes.set(id, new TestNode(options, configuration, settings.disks?.[id] ?? emptyDisk()));
    }
  }

  node(id: MemberId): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** A new node with an empty disk, which knows the members of the beginning and is not one of them. */
  add(id: MemberId): TestNode {
    const node = new TestNode(testOptions(id, this.prng), this.founding, emptyDisk());
    this.nodes.set(id, node);
    return node;
  }

  /** Proposes another configuration and lets it spread. */
  change(id: MemberId, to: Configuration): Entry<string> {
    const entry = this.node(id).change(to);
    this.settle();
    return entry;
  }

  raft(id: MemberId): Raft<string> {
    return this.node(id).raft;
  }

  /** Cuts the links between the groups; within a group, and for nodes in none, all is well. */
  partition(...groups: readonly (readonly MemberId[])[]): void {
    this.cutOff = new Set();
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const a of group) for (const b of other) this.cutOff.add(`${a}>${b}`);
      }
    }
  }

  isolate(id: MemberId): void {
    this.partition(
      [id],
      [...this.nodes.keys()].filter((other) => other !== id),
    );
  }

  heal(): void {
    this.cutOff = new Set();
    this.drop = () => false;
  }

  lost(note: Note): boolean {
    return this.cutOff.has(`${note.from}>${note.to}`) || this.drop(note);
  }

  /** Takes what the nodes want to send. */
  collect(): void {
    for (const node of this.nodes.values()) this.send(node, node.pump());
  }

  send(node: TestNode, notes: readonly Note[]): void {
    for (const note of notes) {
      this.log.push(note);
      const full = note.type === 'append' && note.entries === undefined ? node.load(note) : note;
      if (full !== undefined) this.transit.push(full);
    }
  }

  deliver(note: Note): void {
    const node = this.nodes.get(note.to);
    if (node?.up && !this.lost(note)) node.raft.step(note);
  }

  /** Delivers everything, and what follows from it, until nothing moves. */
  settle(): void {
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error('the network does not come to rest');
      if (this.transit.length === 0) this.collect();
      const note = this.transit.shift();
      if (note !== undefined) this.deliver(note);
      else if (!this.announce()) return;
    }
  }

  /** No append brought the news of what is committed: the time has come to tell it by itself. False: there is none. */
  private announce(): boolean {
    const owing = [...this.nodes.values()].filter(({ up, raft }) => up && raft.owesCommit);
    for (const { raft } of owing) raft.announce(raft.commit);
    return owing.length > 0;
  }

  tick(count = 1, ids: readonly MemberId[] = [...this.nodes.keys()]): void {
    for (let i = 0; i < count; i++) {
      for (const id of ids) if (this.node(id).up) this.raft(id).tick();
      this.settle();
    }
  }

  /** Lets one node campaign, by its own clock alone, and win. */
  elect(id: MemberId): Raft<string> {
    for (let i = 0; i < 100 && this.raft(id).role !== 'leader'; i++) {
      // The leases of the others must run out first; their own campaigns are kept from happening.
      for (const [other, node] of this.nodes) {
        if (other === id || !node.up || this.cutOff.has(`${id}>${other}`)) continue;
        const { leader, role } = node.raft;
        if (leader !== undefined && leader !== other) node.raft.connectionLost(leader);
        if (role === 'leader') this.isolateWhile(other, () => this.tick(10, [other]));
      }
      this.tick(1, [id]);
    }
    if (this.raft(id).role !== 'leader') throw new Error(`${id} was not elected`);
    return this.raft(id);
  }

  private isolateWhile(id: MemberId, action: () => void): void {
    const before = this.cutOff;
    this.isolate(id);
    action();
    this.cutOff = before;
  }

  /** The term of each entry of a node. */
  terms(id: MemberId): number[] {
    return this.node(id).terms;
  }

  leaders(): MemberId[] {
    return [...this.nodes].filter(([, node]) => node.up && node.raft.role === 'leader').map(([id]) => id);
  }

  propose(id: MemberId, payload: string, bytes = 10): Entry<string> {
    return this.raft(id).propose(1, bytes, payload);
  }

  /** Proposes and lets the entry spread. */
  write(id: MemberId, payload: string, bytes = 10): Entry<string> {
    const entry = this.propose(id, payload, bytes);
    this.settle();
    return entry;
  }

  /** What was sent since the last call. */
  takeLog<T extends Note['type']>(type: T): NoteOf<T>[] {
    const found = this.log.filter((note): note is NoteOf<T> => note.type === type);
    this.log = [];
    return found;
  }
}
