import { isJoint } from '../../src/raft/changer.ts';
import { allMembers } from '../../src/raft/configuration.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import { configurationOf } from '../raft/network.ts';
import { Calls } from './calls.ts';
import { Chance } from './chance.ts';
import { AppendChecks } from './checks/appends.ts';
import { Committed } from './checks/committed.ts';
import { RaftChecks } from './checks/raft.ts';
import { ReadChecks } from './checks/reads.ts';
import { checkRebuiltIndex } from './checks/rebuilt-index.ts';
import { Violation } from './checks/violation.ts';
import { Clients } from './clients.ts';
import { Disk } from './disk.ts';
import { Faults } from './faults.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import type { Node } from './node.ts';
import { type Plan, SPARES } from './plan.ts';
import { Time } from './time.ts';
import { Trace } from './trace.ts';

/** After a quorum is healed, an append has to be answered and every node of the quorum has to have it within this. */
const PROGRESS_MS = 60_000;
/** After everything is healed, every sound node has to have everything, and every call an answer, within this. */
const CONVERGENCE_MS = 60_000;
/** How often a node's whole status is looked at; its role and term are after every event. */
const STATUS_EVERY_EVENTS = 16;

export interface Result {
  readonly seed: number;
  /** Undefined: every promise was kept. */
  readonly violation: string | undefined;
  readonly stack: string | undefined;
  readonly virtualMs: number;
  readonly events: number;
  readonly committed: number;
  readonly fingerprint: string;
}

/** One run of a cluster: trouble for some time, then a quorum is healed, then everything; checked all along. */
export class Simulation {
  readonly plan: Plan;
  readonly time = new Time();
  readonly trace: Trace;
  readonly machines: readonly Machine[];
  readonly network: Network;
  readonly committed = new Committed();
  private readonly chance: Chance;
  private readonly raft: RaftChecks;
  private readonly appends: AppendChecks;
  private readonly clients: Clients;
  private readonly faults: Faults;
  private readonly calls: Calls;
  private over = false;
  private violation: unknown;

  constructor(plan: Plan, write?: (line: string) => void) {
    this.plan = plan;
    this.chance = new Chance(plan.seed ^ 0x5eed);
    this.trace = new Trace(this.time, write);
    const { time, trace, chance, committed } = this;
    this.raft = new RaftChecks(configurationOf(idsOf(plan).slice(0, plan.founders)));
    this.appends = new AppendChecks(committed);
    this.calls = new Calls(time);
    this.network = new Network({
      time,
      trace,
      chance: chance.fork(),
      habits: plan.network,
      deliver: (message, clockUs) => this.deliver(message, clockUs),
    });
    this.machines = this.makeMachines();
    this.faults = new Faults({ ...this, machines: this.machines, network: this.network }, chance.fork());
    this.clients = new Clients(
      {
        habits: plan.clients,
        calls: this.calls,
        committed,
        appends: this.appends,
        reads: new ReadChecks(committed),
        trace,
        nodes: () => this.machines.flatMap((machine) => machine.serving ?? []),
        violated: (error) => this.violated(error),
        over: () => this.over,
      },
      chance.fork(),
    );
  }

  async run(): Promise<Result> {
    const { plan, time, trace } = this;
    try {
      for (const machine of this.machines) machine.start();
      await this.lasts(plan.seconds * 1_000);
      await this.proveProgress();
      await this.proveConvergence();
      await this.checkIndexes();
    } catch (error) {
      this.violation ??= error;
    }
    const { violation } = this;
    const text = violation instanceof Error ? violation.message : violation && String(violation);
    if (text !== undefined) trace.note('check', () => `VIOLATED: ${text}`);
    return {
      seed: plan.seed,
      violation: text as string | undefined,
      stack: violation instanceof Error ? violationStack(violation) : undefined,
      virtualMs: Math.round(time.nowMs),
      events: time.events,
      committed: this.committed.head,
      fingerprint: trace.fingerprint,
    };
  }

  private makeMachines(): Machine[] {
    const { plan, time, trace, chance } = this;
    const ids = idsOf(plan);
    const voters = new Set(ids.slice(0, plan.founders));
    const spares = new Chance(plan.seed ^ 0x5ba7e);
    return [...ids, ...spareIds(plan)].map((id, n) => {
      // The others draw what they draw without spares, too.
      const own = n < plan.nodes ? chance : spares;
      const disk = new Disk(own.fork(), plan.disk);
      const machine = new Machine(id, disk, {
        voters,
        habits: plan.node,
        chance: own.fork(),
        trace,
        time,
        nodes: () => this.machines.flatMap((machine) => machine.serving ?? []),
        send: (message, clockUs) => this.network.send(message, clockUs),
        applied: (node, records) => this.guarded(() => this.applied(node, records)),
        starting: (started) => this.raft.started(started),
        died: (dead) => this.connectionsClose(dead),
        violated: (error) => this.violated(error),
      });
      machine.installed = n < plan.nodes;
      return machine;
    });
  }

  private applied(node: Node, records: Parameters<ConstructorParameters<typeof Machine>[2]['applied']>[1]): void {
    for (const record of records) {
      this.raft.applied(node.id, record);
      this.trace.mix(record.index);
      if (!this.committed.applied(node.id, record)) continue;
      this.trace.mixBytes(record.chain);
      this.trace.note(
        node.id,
        () => `applies ${record.index} of term ${record.term}, ${record.count} events, as the first`,
      );
      // The founding record is on every disk before the cluster begins; here each node writes it at its first start.
      if (record.index > 1)
        this.raft.onQuorum(record, new Map(this.machines.map(({ id, disk }) => [id, disk.kept.get(record.index)])));
      if (record.count > 0) this.appends.applied(record);
    }
  }

  private deliver(message: PeerMessage, clockUs: number): void {
    const machine = this.machine(message.to);
    machine.process?.enter(() => {
      this.trace.note(message.to, () => `← ${message.from} ${message.type} term ${message.term}`);
      machine.node?.replica.receive(message, clockUs);
    });
  }

  /** The peers of a dead process notice, each a little later. */
  private connectionsClose(dead: string): void {
    for (const { id, process } of this.machines) {
      if (id === dead || !process) continue;
      process.after(this.chance.within(0, 5), () => this.machine(id).node?.replica.connectionLost(dead));
    }
  }

  private machine(id: string): Machine {
    return this.machines.find((machine) => machine.id === id) as Machine;
  }

  /**
   * Heals one quorum for good, leaves everything else as it is, and waits for an append to get through. Its leader may be
   * a node outside of the quorum that one of the quorum never hears; so in a second step the others fall silent, and
   * the quorum has to get an append through, and to all of its nodes, alone.
   */
  private async proveProgress(): Promise<void> {
    this.faults.freeze();
    if (this.plan.profile === 'members') return this.proveMembersProgress();
    const quorum = this.machines.filter(({ disk }) => disk.damage === undefined);
    while (quorum.length > (this.plan.nodes >> 1) + 1) quorum.splice(this.chance.between(0, quorum.length), 1);
    this.trace.note('check', () => `heals ${namesOf(quorum)} for good`);
    this.heal(quorum);
    await this.insist(`an append is answered once ${namesOf(quorum)} are healed`);
    for (const one of this.machines) for (const other of this.machines) this.network.cut(one.id, other.id);
    this.over = true;
    await this.insist(`an append is answered by ${namesOf(quorum)} alone`, quorum);
    const least = this.committed.records.length;
    const caughtUp = () => quorum.every(({ node }) => (node?.replica.appliedIndex ?? 0) >= least);
    await this.until(`${namesOf(quorum)} have applied entry ${least}`, caughtUp, PROGRESS_MS);
  }

  /** Who is a quorum is not settled yet where a change is under way: everything is healed, and it must come to an end. */
  private async proveMembersProgress(): Promise<void> {
    this.trace.note('check', () => 'heals everything, and waits for the members to be settled');
    this.network.mendAll();
    this.heal(this.machines);
    await this.insist('an append is answered once everything is healed');
    this.over = true;
    const leaders = () => this.machines.filter(({ node }) => node?.replica.acceptsProposals);
    const settled = () =>
      leaders().some(({ node }) => node?.replica.configurations.length === 1 && !isJoint(this.raft.configuration));
    await this.until('no change of members is under way', settled, PROGRESS_MS);
  }

  /** The machines whose nodes are members, as far as is committed, and whose disks are whole. */
  private soundMembers(): Machine[] {
    const members = allMembers(this.raft.configuration);
    return this.machines.filter(({ id, disk }) => members.has(id) && disk.damage === undefined);
  }

  private async insist(what: string, among = this.machines): Promise<void> {
    let answered = false;
    const nodes = () => among.flatMap((machine) => machine.serving ?? []);
    this.clients.insist(this.chance.fork(), nodes).then(
      () => {
        answered = true;
      },
      (error: unknown) => this.violated(error),
    );
    await this.until(what, () => answered, PROGRESS_MS);
  }

  /** Heals everything; nodes that damage keeps down excepted. */
  private async proveConvergence(): Promise<void> {
    this.trace.note('check', () => 'heals everything');
    this.network.mendAll();
    this.heal(this.machines);
    await this.until('the clients come to an end', () => this.clients.done && this.calls.open === 0, CONVERGENCE_MS);
    const same = () => {
      const { length } = this.committed.records;
      return this.soundMembers().every(
        ({ node }) => node?.replica.appliedIndex === length && node.log.lastIndex === length,
      );
    };
    await this.until('all members have the same log', same, CONVERGENCE_MS);
    for (const { id, node } of this.soundMembers()) {
      const chain = node?.log.end.chain;
      if (!chain?.equals(this.committed.records.at(-1)?.chain as Buffer))
        throw new Violation(`the log of ${id} ends otherwise than what is committed`);
    }
  }

  private async checkIndexes(): Promise<void> {
    const { blockEvents } = this.plan.node;
    let checked = false;
    const sound = this.soundMembers();
    const all = Promise.all(sound.map(({ node }) => checkRebuiltIndex(node as Node, this.committed, blockEvents)));
    all.then(
      () => {
        checked = true;
      },
      (error: unknown) => this.violated(error),
    );
    await this.until('the indexes are compared', () => checked, CONVERGENCE_MS);
  }

  private heal(machines: readonly Machine[]): void {
    for (const one of machines) {
      one.immune = true;
      one.setClock(0);
      one.disk.heal();
      one.process?.resume();
      one.start();
      for (const other of machines) if (other !== one) this.network.mendForGood(one.id, other.id);
    }
  }

  private async lasts(ms: number): Promise<void> {
    await this.time.runUntil(
      this.time.nowMs + ms,
      () => this.violation !== undefined,
      () => this.look(),
    );
    if (this.violation !== undefined) throw this.violation;
  }

  private async until(what: string, holds: () => boolean, ms: number): Promise<void> {
    const done = () => this.violation !== undefined || holds();
    const reached = await this.time.runUntil(this.time.nowMs + ms, done, () => this.look());
    if (this.violation !== undefined) throw this.violation;
    if (!reached) throw new Violation(`not within ${ms / 1000} s: ${what}`);
  }

  private look(): void {
    const whole = this.time.events % STATUS_EVERY_EVENTS === 0;
    for (const { id, node } of this.machines) {
      if (!node) continue;
      const { role, term } = node.replica;
      this.raft.seen(id, { role, term, commit: whole ? node.replica.status().commit : undefined });
    }
  }

  private guarded(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violated(error);
    }
  }

  private violated(error: unknown): void {
    this.violation ??= error;
  }
}

function idsOf({ nodes }: Plan): string[] {
  return Array.from({ length: nodes }, (_, n) => `n${n + 1}`);
}

/** Machines that come in the place of others, in the runs in which any does. */
function spareIds({ nodes, everyMs }: Plan): string[] {
  if (!everyMs.has('renew')) return [];
  return Array.from({ length: SPARES }, (_, n) => `n${nodes + n + 1}`);
}

function namesOf(machines: readonly Machine[]): string {
  return machines.map(({ id }) => id).join(', ');
}

function violationStack(error: Error): string {
  return [error.stack, error.cause instanceof Error ? `caused by ${error.cause.stack}` : ''].join('\n');
}
