import {
  ChangeRefused,
  enterJoint,
  isJoint,
  leaveJoint,
  type MemberChange,
  simpleChange,
} from '../../src/raft/changer.ts';
import { allMembers, isQuorum, isVoter } from '../../src/raft/configuration.ts';
import type { Configuration } from '../../src/raft/types.ts';
import { configurationText } from '../raft/network.ts';
import { membersPayload } from '../support/members-text.ts';
import type { Chance } from './chance.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { RESERVE_BYTES } from './node.ts';
import type { FaultClass, Plan } from './plan.ts';
import type { Time } from './time.ts';
import type { Trace } from './trace.ts';

export interface FaultPorts {
  readonly plan: Plan;
  readonly time: Time;
  readonly trace: Trace;
  readonly network: Network;
  readonly machines: readonly Machine[];
}

type Deed = (chance: Chance) => void;

/** The moment at which something happens to a node is chosen again if it is not writing, up to so many times. */
const LURKS_MAX = 20;
const PROPOSED_KEPT = 7;

/** Makes things go wrong, each class at its own drawn rate, until it is told to freeze. */
export class Faults {
  private readonly ports: FaultPorts;
  private frozen = false;
  /** The last members that were proposed. */
  private proposed: readonly Configuration[] = [];
  /** Machines in whose place another one came. */
  private readonly renewed = new Set<Machine>();

  constructor(ports: FaultPorts, chance: Chance) {
    this.ports = ports;
    for (const [name, deed] of Object.entries(this.deeds())) {
      const own = chance.fork();
      const everyMs = ports.plan.everyMs.get(name as FaultClass);
      if (everyMs !== undefined) this.repeat(own, everyMs, deed);
    }
  }

  /** From now on nothing new goes wrong; what is wrong stays so. */
  freeze(): void {
    this.frozen = true;
  }

  private repeat(chance: Chance, everyMs: number, deed: Deed): void {
    this.later(chance.around(everyMs), () => {
      deed(chance);
      this.repeat(chance, everyMs, deed);
    });
  }

  private later(ms: number, run: () => void): void {
    this.ports.time.after(ms, () => {
      if (!this.frozen) run();
    });
  }

  private deeds(): Partial<Record<FaultClass, Deed>> {
    const { network } = this.ports;
    return {
      clog: (chance) => network.clog(this.anyId(chance), this.anyId(chance), chance.around(1_500)),
      partition: (chance) => this.partition(chance),
      oneWay: (chance) => this.cutFor(chance, [[this.anyId(chance), this.anyId(chance)]]),
      isolate: (chance) => this.isolate(chance),
      comeback: (chance) => this.comeback(chance),
      connection: (chance) => this.loseConnection(chance),
      space: (chance) => this.fillDisk(chance),
      writeError: (chance) => this.failWrite(chance),
      damage: (chance) => this.damage(chance),
      indexDamage: (chance) => this.damageIndex(chance),
      wipe: (chance) => this.wipe(chance),
      crash: (chance) => this.lurk(chance, (machine) => this.goDown(chance, machine, () => machine.kill())),
      power: (chance) => this.lurk(chance, (machine) => this.goDown(chance, machine, () => machine.losePower())),
      pause: (chance) => this.pause(chance),
      clock: (chance) => this.moveClock(chance),
      transfer: (chance) => this.transfer(chance),
      reconfigure: (chance) => this.reconfigure(chance),
      oust: (chance) => this.oust(chance),
      renew: (chance) => this.renew(chance),
    };
  }

  private partition(chance: Chance): void {
    const ids = this.ports.machines.map(({ id }) => id);
    const left = ids.filter(() => chance.of(0.5));
    const right = ids.filter((id) => !left.includes(id));
    this.note(() => `${left.join(' ')} | ${right.join(' ')}`);
    this.cutFor(
      chance,
      left.flatMap((one) => right.flatMap((other) => [[one, other] as const, [other, one] as const])),
    );
  }

  private isolate(chance: Chance): void {
    const id = this.anyId(chance);
    const others = this.ports.machines.map((machine) => machine.id).filter((other) => other !== id);
    this.note(() => `${id} is alone`);
    this.cutFor(
      chance,
      others.flatMap((other) => [[id, other] as const, [other, id] as const]),
    );
  }

  /** A leader is cut off until it gives up, and leads again as soon as the others can be asked to let it. */
  private comeback(chance: Chance): void {
    const leading = this.ports.machines.find(({ node }) => node?.replica.acceptsProposals);
    if (!leading) return;
    this.note(() => `${leading.id} is alone, and is to come back`);
    const others = this.ports.machines.filter((machine) => machine !== leading);
    const { network } = this.ports;
    for (const { id } of others) {
      network.cut(leading.id, id);
      network.cut(id, leading.id);
    }
    const returns = (left: number) => {
      for (const { id } of others) {
        network.mend(leading.id, id);
        network.mend(id, leading.id);
      }
      for (const { process, node } of others) process?.enter(() => node?.replica.transferLeadership(leading.id));
      if (left > 0) this.later(20, () => returns(left - 1));
    };
    const { electionTimeoutTicks } = this.ports.plan.node.raft;
    this.later(electionTimeoutTicks * this.ports.plan.node.tickIntervalMs * chance.within(1, 4), () => returns(40));
  }

  private cutFor(chance: Chance, pairs: readonly (readonly [string, string])[]): void {
    const { network } = this.ports;
    for (const [from, to] of pairs) {
      this.note(() => `${from} no longer reaches ${to}`);
      network.cut(from, to);
    }
    this.later(chance.around(chance.pick([300, 2_000])), () => {
      for (const [from, to] of pairs) network.mend(from, to);
    });
  }

  private loseConnection(chance: Chance): void {
    const [one, other] = [this.any(chance), this.anyId(chance)];
    one.process?.enter(() => one.node?.replica.connectionLost(other));
  }

  private fillDisk(chance: Chance): void {
    const { disk, immune, id } = this.any(chance);
    if (immune) return;
    this.note(() => `the disk of ${id} is nearly full`);
    disk.freeBytes = RESERVE_BYTES / 2;
    this.later(chance.around(1_500), () => {
      disk.freeBytes = Number.POSITIVE_INFINITY;
    });
  }

  private failWrite(chance: Chance): void {
    const { disk, immune, up, id } = this.any(chance);
    const where = chance.pick(['log', 'log', 'index', 'promise'] as const);
    if (immune || !up) return;
    this.note(() => `a write to the ${where} of ${id} is going to fail`);
    disk.failWrite(where, chance.pick(['no space left on device', 'input/output error']));
  }

  /**
   * Damage to a log may stop a node for good, so it comes to a minority alone: of each committed entry one good copy is
   * left. Power loss together with a damaged tail is more than the promise file can tell of (rule D2, its stated limit),
   * so damage comes to nodes that run, and only their process is killed.
   */
  private damage(chance: Chance): void {
    const machine = this.any(chance);
    const kind = chance.pick([
      'flipAhead',
      'cutAhead',
      'loseAhead',
      'flipTable',
      'flipTable',
      'loseFromTable',
    ] as const);
    const live = (kind === 'flipTable' || kind === 'loseFromTable') && chance.of(0.7);
    if (!this.mayDamage(machine)) return;
    if (!live) this.goDown(chance, machine, () => machine.kill());
    if (machine.disk.log[kind]()) this.hurt(machine, 'log', kind);
  }

  /** The index is derived: damage to it may stop a node as that to the log does, and comes to as few. */
  private damageIndex(chance: Chance): void {
    const machine = this.any(chance);
    const kind = chance.pick(['flipAhead', 'cutAhead', 'loseAhead', 'flipTable'] as const);
    if (!this.mayDamage(machine)) return;
    this.goDown(chance, machine, () => machine.kill());
    if (machine.disk.index[kind]()) this.hurt(machine, 'index', kind);
  }

  private wipe(chance: Chance): void {
    const machine = this.any(chance);
    const what = chance.pick(['log', 'index', 'index', 'directory'] as const);
    if (machine.immune || (what !== 'index' && !this.mayDamage(machine))) return;
    this.goDown(chance, machine, () => machine.kill());
    machine.disk.wipe(what);
    this.note(() => `the ${what} of ${machine.id} is wiped`);
    if (what !== 'index') this.hurt(machine, 'log', 'wiped');
  }

  private mayDamage(machine: Machine): boolean {
    if (machine.immune || machine.node === undefined) return false;
    if (this.ports.plan.profile === 'members') return this.mayLose(machine);
    const { machines } = this.ports;
    const damaged = machines.filter((other) => other !== machine && other.disk.damage !== undefined).length;
    return damaged + 1 <= (machines.length - 1) >> 1;
  }

  /**
   * Whether every quorum that may be asked for can still be had without it: of the members that any node knows, and of
   * those that were proposed lately, of which a node that is down may be the only one to know.
   */
  private mayLose(machine: Machine): boolean {
    const known = this.ports.machines.flatMap(({ node }) => node?.replica.configurations ?? []);
    return [...known, ...this.proposed].every((members) => this.hasQuorum(members, machine));
  }

  private hasQuorum(members: Configuration, without?: Machine): boolean {
    const { machines } = this.ports;
    const there = (id: string) =>
      machines.some((one) => one.id === id && one !== without && one.installed && !one.gone);
    return isQuorum(members, there) && isQuorum(isJoint(members) ? leaveJoint(members) : members, there);
  }

  /** A machine is lost for good, and a new one takes its place among the members as soon as a leader can be asked. */
  private renew(chance: Chance): void {
    const { machines } = this.ports;
    const spare = machines.find(({ installed }) => !installed);
    const broken = machines.filter((machine) => machine.refuses !== undefined && !this.renewed.has(machine));
    // One that refuses to start on what is left of its disk comes first: that is how the product brings it back.
    const old = broken[0] ?? this.any(chance);
    if (!spare || !old.installed || old.immune) return;
    if (broken.length === 0) {
      if (!this.mayDamage(old)) return;
      old.lose();
    }
    this.renewed.add(old);
    spare.installed = true;
    this.note(() => `${old.id} is lost; ${spare.id} comes in its place`);
    spare.start();
    const replace = (left: number) => {
      const leading = machines.find(({ node }) => node?.replica.acceptsProposals);
      const [inForce] = leading?.node?.replica.configurations ?? [];
      if (leading && inForce && allMembers(inForce).has(old.id)) {
        const comes = isVoter(inForce, old.id) ? 'voter' : 'learner';
        this.propose(leading, enterJoint, [
          { kind: 'removed', member: old.id },
          { kind: comes, member: spare.id },
        ]);
      }
      if (left > 0) this.later(50, () => replace(left - 1));
    };
    replace(20);
  }

  private hurt(machine: Machine, where: 'log' | 'index', kind: string): void {
    machine.disk.damages[where] = kind;
    this.note(() => `the ${where} of ${machine.id} is damaged: ${kind}`);
  }

  private goDown(chance: Chance, machine: Machine, stop: () => void): void {
    if (machine.immune) return;
    stop();
    this.later(chance.around(chance.pick([5, 30, 500, 2_000])), () => machine.start());
  }

  /**
   * Waits for a moment at which the node has a write under way, or has just had one without a leader (a vote, perhaps):
   * that is when a crash can show most.
   */
  private lurk(chance: Chance, strike: (machine: Machine) => void): void {
    const machine = this.any(chance);
    const leaderless = chance.of(0.3);
    let left = chance.of(0.7) ? LURKS_MAX : 0;
    const ripe = () =>
      leaderless ? machine.node !== undefined && machine.node.replica.leader === undefined : machine.disk.writing;
    const look = () => {
      if (ripe() || left-- <= 0) strike(machine);
      else this.later(chance.within(0, 10), look);
    };
    look();
  }

  private pause(chance: Chance): void {
    const machine = this.any(chance);
    const { process } = machine;
    if (machine.immune || !process || process.paused) return;
    this.note(() => `${machine.id} pauses`);
    process.pause();
    this.later(chance.around(1_000), () => process.resume());
  }

  private moveClock(chance: Chance): void {
    const machine = this.any(chance);
    if (machine.immune) return;
    const ms = chance.pick([0, 50, 700, 5_000, 30_000, 3_600_000, 200_000_000]);
    const skewUs = Math.round(chance.within(-1, 1) * ms * 1_000);
    machine.setClock(skewUs);
    this.note(() => `the clock of ${machine.id} is off by ${skewUs} µs`);
  }

  private transfer(chance: Chance): void {
    const machine = this.any(chance);
    const to = chance.of(0.5) ? this.anyId(chance) : undefined;
    machine.process?.enter(() => machine.node?.replica.transferLeadership(to));
  }

  /** A leader is asked for other members: one comes, goes or changes its role, or several at once. */
  private reconfigure(chance: Chance): void {
    const { machines } = this.ports;
    const leaders = machines.filter(({ node }) => node?.replica.role === 'leader');
    if (leaders.length === 0) return;
    const leading = chance.pick(leaders);
    const some = chance.of(0.3) ? chance.between(1, 4) : 1;
    const changes: MemberChange[] = Array.from({ length: some }, () => ({
      kind: chance.pick(['voter', 'voter', 'voter', 'learner', 'removed'] as const),
      member: chance.pick(machines.filter(({ installed }) => installed)).id,
    }));
    this.propose(leading, some > 1 || chance.of(0.2) ? enterJoint : simpleChange, changes);
  }

  /** Whether the node proposes it. */
  private propose(leading: Machine, step: typeof simpleChange, changes: readonly MemberChange[]): boolean {
    let proposed = false;
    leading.process?.enter(() => {
      const { replica } = leading.node ?? {};
      const [from] = replica?.configurations ?? [];
      if (!replica || !from || isJoint(from)) return;
      const to = attempt(() => step(from, changes));
      if (!to || replica.changeRefusal(to) !== undefined || !this.hasQuorum(to)) return;
      proposed = replica.proposeMembers(membersPayload(to)) !== undefined;
      if (!proposed) return;
      this.proposed = [...this.proposed.slice(-PROPOSED_KEPT), to];
      this.note(() => `${leading.id} proposes ${configurationText(to)}`);
    });
    return proposed;
  }

  /** A leader takes its own vote away, and is alone from the moment on that it knows it to be gone. */
  private oust(chance: Chance): void {
    const leading = this.ports.machines.find(({ node }) => node?.replica.acceptsProposals);
    const kind = chance.pick(['learner', 'removed'] as const);
    if (!leading || !this.propose(leading, simpleChange, [{ kind, member: leading.id }])) return;
    const others = this.ports.machines.filter((machine) => machine !== leading).map(({ id }) => id);
    const look = (left: number) => {
      const [inForce] = leading.node?.replica.configurations ?? [];
      if (inForce && !isVoter(inForce, leading.id)) {
        this.note(() => `${leading.id} has lost its vote and is alone`);
        this.cutFor(
          chance,
          others.flatMap((other) => [[leading.id, other] as const, [other, leading.id] as const]),
        );
      } else if (left > 0) this.later(0.5, () => look(left - 1));
    };
    look(400);
  }

  /** Any machine; often one whose node believes that it leads, as there is most to lose. */
  private any(chance: Chance): Machine {
    const { machines } = this.ports;
    const leading = machines.filter(({ node }) => node?.replica.role === 'leader');
    return leading.length > 0 && chance.of(0.4) ? chance.pick(leading) : chance.pick(machines);
  }

  private anyId(chance: Chance): string {
    return this.any(chance).id;
  }

  private note(text: () => string): void {
    this.ports.trace.note('fault', text);
  }
}

function attempt(step: () => Configuration): Configuration | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof ChangeRefused) return undefined;
    throw error;
  }
}
