import { Prng } from '../../src/base/prng.ts';
import { allVoters, isQuorum } from '../../src/raft/configuration.ts';
import type { Entry, MemberId } from '../../src/raft/types.ts';
import { Network, type Note, type TestNode } from './network.ts';

/**
 * One random run: messages are lost, doubled and turned round, links are cut, disks are slow, nodes crash and lose what
 * was not synced; after every step the safety properties of Raft (figure 3) are checked, and at the end that the cluster
 * gets going again once the faults are over. The seed decides everything.
 */
export class Chaos {
  private readonly prng: Prng;
  private readonly network: Network;
  private readonly ids: MemberId[];
  private readonly leaderOf = new Map<number, MemberId>();
  /** Terms and payloads of what is committed, index by index. */
  private readonly committed: { term: number; payload: string | undefined }[] = [];
  private readonly proposed = new Map<string, string | undefined>();
  /** What was committed when each read was asked for. */
  private readonly reads = new Map<number, { least: number; by: TestNode }>();
  /** Leaders with entries that are not ready to be written, and the term in which they lead. */
  private readonly held = new Map<TestNode, number>();
  private readonly actions: [weight: number, action: () => void][];
  private readonly syncChance: number;
  private counter = 0;
  private lossy = true;
  readReplies = 0;

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const { voters, learners, outgoing } = this.membership();
    this.network = new Network(voters, {
      seed: this.prng.next(),
      learners,
      outgoing,
      options: {
        electionTimeoutTicks: 5,
        inflightMessagesMax: this.prng.between(1, 5),
        inflightBytesMax: 300,
        messageBytesMax: 120,
        messageEntriesMax: this.prng.between(1, 6),
        batchBytesMax: this.pick([50, 200, 100_000]),
        tailBytesMax: this.prng.between(0, 400),
        appliedLagMax: 5,
      },
    });
    this.ids = [...this.network.nodes.keys()];
    this.actions = this.weighActions();
    this.syncChance = this.pick([0, 0.2, 0.5, 0.9]);
  }

  private membership(): { voters: MemberId[]; learners: MemberId[]; outgoing: MemberId[] } {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const size = [1, 2, 3, 3, 3, 3, 4, 5, 5][this.prng.between(0, 9)] ?? 3;
    const learners = this.prng.between(0, 4) === 0 ? ['l'] : [];
    const joint = size >= 3 && this.prng.between(0, 5) === 0;
    return { voters: ids.slice(0, size), learners, outgoing: joint ? ids.slice(size - 1, size + 2) : [] };
  }

  get committedCount(): number {
    return this.committed.length;
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.act();
      this.check();
    }
    this.healAndProgress();
  }

  private pick<T>(things: readonly T[]): T {
    return things[this.prng.between(0, things.length)] as T;
  }

  /**
   * What may happen, and how often. Each run scales each weight at random, so that some runs are nearly all elections,
   * some have disks that never finish, and so on: runs that are all alike find the same few things.
   */
  private weighActions(): [weight: number, action: () => void][] {
    const any = () => this.network.node(this.pick(this.ids));
    const actions: [number, () => void][] = [
      [500, () => this.deliverOne()],
      [140, () => this.tickOne(any())],
      [60, () => this.tickAll()],
      [100, () => this.pump(any())],
      [70, () => this.sync(any())],
      [50, () => this.proposeSome()],
      [40, () => this.release(any())],
      [25, () => this.read(any())],
      [10, () => this.transfer()],
      [10, () => this.losePeer(any())],
      [10, () => this.cutLinks()],
      [10, () => this.crashOrRestart(any())],
      [15, () => this.stopOrGoApplying(any())],
      [40, () => this.announce(any())],
    ];
    const scales = [0.2, 0.5, 1, 1, 2, 4];
    return actions.map(([weight, action]) => [weight * this.pick(scales), action]);
  }

  private act(): void {
    const total = this.actions.reduce((sum, [weight]) => sum + weight, 0);
    let dice = this.prng.fraction() * total;
    for (const [weight, action] of this.actions) {
      dice -= weight;
      if (dice >= 0) continue;
      action();
      return;
    }
  }

  private announce({ raft }: TestNode): void {
    raft.announce(raft.commit);
  }

  private stopOrGoApplying(node: TestNode): void {
    node.applyMax = this.prng.between(0, 2) === 0 ? node.applied.length : Number.POSITIVE_INFINITY;
  }

  private deliverOne(): void {
    const { transit } = this.network;
    if (transit.length === 0) {
      for (const node of this.network.nodes.values()) this.pump(node);
      return;
    }
    const turned = this.lossy && this.prng.between(0, 10) === 0;
    const at = turned ? this.prng.between(0, transit.length) : 0;
    const [note] = transit.splice(at, 1);
    if (note === undefined) return;
    if (this.lossy && this.prng.between(0, 40) === 0) return;
    if (this.lossy && this.prng.between(0, 40) === 0) transit.push(note);
    const target = this.network.node(note.to);
    this.deliver(note);
    if (this.prng.between(0, 3) > 0) this.pump(target);
  }

  /** Ranges are loaded when the message is due, which may be long after the core asked for it. */
  private deliver(note: Note): void {
    const sender = this.network.node(note.from);
    if (note.type !== 'append' || note.entries !== undefined) {
      this.network.deliver(note);
      return;
    }
    if (!sender.up) return;
    const full = sender.load(note, this.prng.between(1, note.loadMax + 1));
    if (full !== undefined) this.network.deliver(full);
  }

  private tickOne(node: TestNode): void {
    if (node.up) node.raft.tick();
    this.pump(node);
  }

  private tickAll(): void {
    for (const node of this.network.nodes.values()) this.tickOne(node);
  }

  /** One turn of the driver, whose disk may keep the batch for a while. */
  private pump(node: TestNode): void {
    if (!node.up) return;
    const idle = node.inFlight === undefined;
    if (!node.raft.hasReady(idle)) {
      node.apply();
      return;
    }
    const ready = node.raft.ready(idle);
    this.network.transit.push(...ready.messages);
    if (ready.persist !== undefined) node.inFlight = ready.persist;
    if (ready.committedTo < node.committedTo) throw new Error('committedTo falls');
    node.committedTo = ready.committedTo;
    for (const { id, index } of ready.reads) this.readAnswered(id, index);
    if (!this.lossy || this.prng.fraction() < this.syncChance) this.sync(node);
    node.apply();
  }

  private sync(node: TestNode): void {
    if (node.up) this.network.transit.push(...node.syncDisk());
  }

  private proposeSome(): void {
    for (const node of this.network.nodes.values()) {
      if (!node.up || node.raft.role !== 'leader' || node.raft.status().transferee !== undefined) continue;
      for (let i = this.prng.between(1, 6); i > 0; i--) {
        this.counter += 1;
        this.propose(node, this.prng.between(0, 100), `p${this.counter}`);
      }
    }
  }

  private propose(node: TestNode, bytes: number, payload: string): Entry<string> {
    const held = this.held.get(node) === node.raft.term || (this.lossy && this.prng.between(0, 8) === 0);
    if (held) this.held.set(node, node.raft.term);
    const entry = node.raft.propose(1, bytes, payload, !held);
    this.proposed.set(`${entry.index}@${entry.term}`, payload);
    return entry;
  }

  /** A part of what is held, or all of it, becomes ready. */
  private release(node: TestNode): void {
    const { raft } = node;
    if (!node.up || raft.role !== 'leader' || this.held.get(node) !== raft.term) return;
    if (this.lossy && this.prng.between(0, 2) === 0) raft.release(this.prng.between(raft.commit, raft.lastIndex));
    else {
      raft.release(raft.lastIndex);
      this.held.delete(node);
    }
  }

  private read(node: TestNode): void {
    if (!node.up) return;
    this.counter += 1;
    this.reads.set(this.counter, { least: this.committed.length, by: node });
    node.raft.requestRead(this.counter);
  }

  private readAnswered(id: number, index: number | undefined): void {
    const read = this.reads.get(id);
    if (read === undefined) throw new Error(`read ${id} is answered twice, or was never asked for`);
    this.reads.delete(id);
    if (index === undefined) return;
    this.readReplies += 1;
    if (index < read.least) throw new Error(`read ${id} got index ${index}, but ${read.least} was committed before it`);
  }

  private transfer(): void {
    const id = this.prng.between(0, 2) === 0 ? undefined : this.pick(this.ids);
    for (const node of this.network.nodes.values()) if (node.up) node.raft.transferLeadership(id);
  }

  private losePeer(node: TestNode): void {
    if (node.up) node.raft.connectionLost(this.pick(this.ids));
  }

  private cutLinks(): void {
    if (this.prng.between(0, 2) === 0) {
      this.network.heal();
      return;
    }
    const left = this.ids.filter(() => this.prng.between(0, 2) === 0);
    this.network.partition(
      left,
      this.ids.filter((id) => !left.includes(id)),
    );
  }

  private crashOrRestart(node: TestNode): void {
    if (node.up) {
      node.crash(this.prng.between(0, 3) === 0);
      this.held.delete(node);
      for (const [id, { by }] of this.reads) if (by === node) this.reads.delete(id);
      return;
    }
    node.restart(this.prng.between(0, 3) === 0 ? this.prng.between(0, node.applied.length + 1) : undefined);
  }

  private healAndProgress(): void {
    this.lossy = false;
    this.network.heal();
    for (const node of this.network.nodes.values()) {
      if (!node.up) node.restart();
      node.applyMax = Number.POSITIVE_INFINITY;
      this.release(node);
    }
    for (let i = 0; i < 150; i++) {
      this.tickAll();
      this.drain();
      this.check();
      // Leadership may still move: whoever lags hands over, whoever was interrupted tries again.
      if (i >= 50 && this.network.leaders().length === 1 && this.everyoneHasEverything()) {
        const leader = this.network.node(this.network.leaders()[0] as MemberId);
        if (!leader.raft.acceptsProposals) continue;
        this.lastWords(leader);
        return;
      }
    }
    throw new Error(`no progress after healing: ${this.describe()}`);
  }

  private lastWords(leader: TestNode): void {
    const entry = this.propose(leader, 10, 'last');
    for (const node of this.network.nodes.values()) this.read(node);
    const before = this.readReplies;
    for (let i = 0; i < 5; i++) {
      this.drain();
      this.check();
      this.tickAll();
    }
    for (const id of this.ids) {
      if (this.network.node(id).applied[entry.index - 1] !== 'last') throw new Error(`${id} lacks the last entry`);
    }
    if (this.readReplies !== before + this.ids.length) throw new Error('a read was refused on a healthy cluster');
    if (this.reads.size > 0) throw new Error('a read was never answered');
    this.announce(leader);
    this.drain();
    if (leader.raft.owesCommit) throw new Error('followers are owed news of a commit for ever');
  }

  private everyoneHasEverything(): boolean {
    const nodes = [...this.network.nodes.values()];
    const last = Math.max(...nodes.map((node) => node.raft.lastIndex));
    return nodes.every((node) => node.applied.length === last);
  }

  private drain(): void {
    for (let turns = 0; turns < 20_000; turns++) {
      for (const node of this.network.nodes.values()) {
        this.pump(node);
        this.sync(node);
      }
      const note = this.network.transit.shift();
      if (note !== undefined) this.deliver(note);
      else if ([...this.network.nodes.values()].every((node) => !node.raft.hasReady(true))) return;
    }
    throw new Error('the network does not come to rest');
  }

  private check(): void {
    for (const [id, node] of this.network.nodes) {
      if (!node.up) continue;
      this.checkEntries(node);
      this.checkLeader(id, node);
      this.checkCommitted(id, node);
    }
    for (const [id, node] of this.network.nodes) if (node.up) this.checkAcknowledged(id, node);
    this.checkLogMatching();
  }

  /** An index and a term name one payload, wherever it is found. */
  private checkEntries(node: TestNode): void {
    for (let index = 1; index <= node.raft.lastIndex; index++) {
      const entry = node.raft.entryInMemory(index);
      if (entry === undefined) continue;
      if (entry.term !== node.raft.termAt(index)) throw new Error('an entry differs from the term runs');
      const key = `${index}@${entry.term}`;
      if (!this.proposed.has(key)) this.proposed.set(key, entry.payload);
      if (this.proposed.get(key) !== entry.payload) throw new Error(`${key} names two entries`);
    }
  }

  /** Election safety, and leader completeness. */
  private checkLeader(id: MemberId, { raft }: TestNode): void {
    if (raft.role !== 'leader') return;
    const before = this.leaderOf.get(raft.term);
    if (before !== undefined && before !== id) throw new Error(`${before} and ${id} both lead term ${raft.term}`);
    if (before !== undefined) return;
    this.leaderOf.set(raft.term, id);
    for (const [i, { term }] of this.committed.entries()) {
      if (raft.termAt(i + 1) !== term) throw new Error(`leader ${id} of term ${raft.term} lacks committed ${i + 1}`);
    }
  }

  /** State machine safety; and that what is committed is synced by a quorum at that moment. */
  private checkCommitted(id: MemberId, node: TestNode): void {
    const { raft } = node;
    for (let index = this.committed.length + 1; index <= raft.commit; index++) {
      const term = raft.termAt(index) as number;
      this.committed.push({ term, payload: this.proposed.get(`${index}@${term}`) });
      const holds = (voter: MemberId) => this.network.node(voter).disk.entries[index - 1]?.term === term;
      if (!isQuorum(node.configuration, holds)) throw new Error(`${index} is committed without a quorum`);
    }
    for (let index = 1; index <= raft.commit; index++) {
      if (raft.termAt(index) !== this.committed[index - 1]?.term) throw new Error(`${id} committed another ${index}`);
    }
    for (const [i, payload] of node.applied.entries()) {
      if (payload !== this.committed[i]?.payload) throw new Error(`${id} applied something else at ${i + 1}`);
    }
    if (node.applied.length > node.disk.entries.length) throw new Error(`${id} applied what it has not synced`);
    if (raft.unappliedBytes < 0) throw new Error('unappliedBytes is negative');
    const ready = this.held.get(node) === raft.term ? raft.commit : raft.lastIndex;
    if (ready > node.raft.status().persisted && node.inFlight === undefined && !raft.hasReady(true)) {
      throw new Error(`${id} has entries that nobody writes`);
    }
  }

  /** Rule D9: whoever presents itself with less than this is taken for one that has lost its log. */
  private checkAcknowledged(id: MemberId, { raft }: TestNode): void {
    for (const [member, index] of raft.acknowledged) {
      const holds = this.network.node(member).disk.entries[index - 1]?.term;
      if (holds === undefined || holds !== this.committed[index - 1]?.term) {
        throw new Error(`${id} believes that ${member} holds everything up to ${index}`);
      }
    }
  }

  private checkLogMatching(): void {
    const nodes = [...this.network.nodes.values()].filter((node) => node.up);
    for (const [i, one] of nodes.entries()) {
      for (const other of nodes.slice(i + 1)) {
        let agree = false;
        for (let index = Math.min(one.raft.lastIndex, other.raft.lastIndex); index > 0; index--) {
          const same = one.raft.termAt(index) === other.raft.termAt(index);
          if (agree && !same) throw new Error(`logs agree above ${index} but not at it`);
          agree ||= same;
        }
      }
    }
  }

  describe(): string {
    const voters = [...allVoters(this.network.node(this.ids[0] as MemberId).configuration)].join('');
    const nodes = [...this.network.nodes].map(([id, { raft, applied }]) => {
      const { role, term, lastIndex, commit, leader } = raft;
      return `${id} ${role} of ${leader} term ${term} last ${lastIndex} commit ${commit} applied ${applied.length}`;
    });
    return `voters ${voters}; ${nodes.join('; ')}`;
  }
}
