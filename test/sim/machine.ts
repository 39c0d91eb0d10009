import { InvariantViolation } from '../../src/base/assert.ts';
import { FactstoreError } from '../../src/base/errors.ts';
import { damageIn } from '../../src/storage/damage.ts';
import { Violation } from './checks/violation.ts';
import type { Disk } from './disk.ts';
import { Node, type NodePorts } from './node.ts';
import { Process } from './process.ts';
import type { Time } from './time.ts';
import type { Trace } from './trace.ts';

export interface MachinePorts extends Omit<NodePorts, 'id' | 'disk' | 'process' | 'ended' | 'peers'> {
  /** All nodes that can be asked now. */
  nodes(): readonly Node[];
  readonly time: Time;
  readonly trace: Trace;
  /** A node is about to start. */
  starting(id: string): void;
  /** The process of a node is gone: its peers see their connections close. */
  died(id: string): void;
  violated(error: unknown): void;
}

/** A supervisor starts a node that ended by itself again after this long. */
const RESTART_MS = 200;
const DAY_US = 86_400_000_000;

/** A machine: its disk stays, processes of the node come and go on it. */
export class Machine {
  readonly id: string;
  readonly disk: Disk;
  node: Node | undefined;
  /** How far its wall clock is off. */
  private skewUs = 0;
  /** How far it was off when the process began. */
  /** Nothing happens to it any more. */
  immune = false;
  /** False: it stands ready to come in the place of another one. */
  installed = true;
  /** Set once the node refuses to start on its disk: it stays down, as the product has it. Why. */
  refuses: string | undefined;
  process: Process | undefined;
  private readonly ports: MachinePorts;

  constructor(id: string, disk: Disk, ports: MachinePorts) {
    this.id = id;
    this.disk = disk;
    this.ports = ports;
  }

  /** Its process lives, whether the node in it is ready or not. */
  get up(): boolean {
    return this.process !== undefined;
  }

  /** The node, if it is there to be asked. */
  get serving(): Node | undefined {
    return this.process && !this.process.paused ? this.node : undefined;
  }

  /** It is gone with its disk, and does not come back. */
  lose(): void {
    this.kill();
    this.disk.wipe('directory');
    this.disk.damages.log = 'lost';
    this.refuses = 'its disk is lost';
  }

  /** It holds nothing that could be asked for again: its node is lost, or keeps what it has from being used. */
  get gone(): boolean {
    return this.refuses !== undefined || this.disk.damage !== undefined;
  }

  start(): void {
    if (this.up || this.refuses !== undefined || !this.installed) return;
    const { time, trace } = this.ports;
    const process = new Process(time, () => this.skewUs);
    this.process = process;
    this.ports.starting(this.id);
    trace.note(this.id, () => 'starts');
    const node = Node.start({
      ...this.ports,
      id: this.id,
      disk: this.disk,
      process,
      peers: () => this.ports.nodes().filter((node) => node.id !== this.id),
      ended: (error) => this.ended(process, error),
    });
    node.then(
      (started) => {
        if (process.alive) this.node = started;
      },
      (error: unknown) => this.ended(process, error, true),
    );
  }

  /** A node whose clock jumped by more than a day takes no appends until it is started again (rule S15). */
  setClock(skewUs: number): void {
    const movedUs = Math.abs(skewUs - this.skewUs);
    this.skewUs = skewUs;
    // A node that is starting may have read its clock before this, or will.
    const jumped = this.node?.replica.clockHasJumped ?? movedUs >= DAY_US;
    if (!this.up || !jumped || !this.immune) return;
    this.kill();
    this.start();
  }

  /** The process is killed: what it had written is in the hands of the operating system. */
  kill(): void {
    if (!this.up) return;
    this.ports.trace.note(this.id, () => 'is killed');
    this.end();
    this.disk.killed();
  }

  /** The machine loses its power, and what was not synced with it. */
  losePower(): void {
    if (!this.up) return;
    this.ports.trace.note(this.id, () => 'loses its power');
    this.end();
    this.disk.powerLost();
  }

  private end(): void {
    const { process } = this;
    this.process = undefined;
    this.node = undefined;
    process?.die();
    this.ports.died(this.id);
  }

  /** The node ended itself, which is right only where its disk gave it a reason. */
  private ended(process: Process, error: unknown, starting = false): void {
    if (!process.alive) return;
    const text = error instanceof Error ? error.message : String(error);
    this.ports.trace.note(this.id, () => `ends: ${text}`);
    if (!this.hasReason(error)) {
      const violation =
        error instanceof Violation ? error : new Violation(`${this.id} ended: ${text}`, { cause: error });
      return this.ports.violated(violation);
    }
    this.disk.noted ||= damageIn(error)?.kind === 'belowCommit';
    const damaged = error instanceof FactstoreError && error.code === 'DATA_LOSS';
    if (starting && damaged) this.refuses = text;
    // It ends in a turn of its own: whoever reported the error is still at work.
    this.ports.time.after(0, () => {
      if (this.process !== process) return;
      this.kill();
      if (this.refuses === undefined) this.ports.time.after(RESTART_MS, () => this.start());
    });
  }

  private hasReason(error: unknown): boolean {
    if (error instanceof InvariantViolation || error instanceof Violation) return false;
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return this.disk.damage !== undefined;
    return this.disk.failed;
  }
}
