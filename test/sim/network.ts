import { decodeStreamMessage, encodeRaftMessage } from '../../src/peer/codec.ts';
import { PartsAssembly } from '../../src/peer/message-parts.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import type { Chance } from './chance.ts';
import type { Time } from './time.ts';
import type { Trace } from './trace.ts';

/** How the network of a run behaves while it is not healed. */
export interface NetworkHabits {
  readonly delayMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** A message is delivered again, much later. */
  readonly replay: number;
  /** Messages overtake one another. */
  readonly reorder: boolean;
  /** More messages than this on their way from one node to another: an older one is thrown out. */
  readonly capacity: number;
}

/** What nobody can complain of: every message arrives, in order, after a moment. */
const GOOD: NetworkHabits = {
  delayMs: 0.5,
  loss: 0,
  duplication: 0,
  replay: 0,
  reorder: false,
  capacity: Number.POSITIVE_INFINITY,
};

interface Link {
  /** Nothing passes. */
  cut: boolean;
  /** Nothing arrives before this moment. */
  cloggedUntilMs: number;
  /** With order kept, nothing arrives before what was sent earlier. */
  lastArrivalMs: number;
  /** For good: nothing disturbs it any more. */
  good: boolean;
  inFlight: { lost: boolean }[];
}

export interface NetworkPorts {
  readonly time: Time;
  readonly trace: Trace;
  readonly chance: Chance;
  readonly habits: NetworkHabits;
  deliver(message: PeerMessage, clockUs: number): void;
}

/** The network between the nodes. Messages travel as bytes, through the codec of the product. */
export class Network {
  private readonly ports: NetworkPorts;
  private readonly links = new Map<string, Link>();

  constructor(ports: NetworkPorts) {
    this.ports = ports;
  }

  send(message: PeerMessage, clockUs: number): void {
    const { trace, chance } = this.ports;
    const link = this.link(message.from, message.to);
    const habits = link.good ? GOOD : this.ports.habits;
    trace.note(message.from, () => `→ ${message.to} ${textOf(message)}`);
    const lost = link.cut || chance.of(habits.loss);
    if (lost) return;
    const bytes = [...encodeRaftMessage(message, clockUs)];
    this.carry(message, bytes, link, habits, chance.around(habits.delayMs));
    if (chance.of(habits.duplication)) this.carry(message, bytes, link, habits, chance.around(habits.delayMs));
    if (chance.of(habits.replay)) this.carry(message, bytes, link, habits, chance.within(0, 3_000));
  }

  /** Nothing passes from one node to another. */
  cut(from: string, to: string): void {
    const link = this.link(from, to);
    if (!link.good) link.cut = true;
  }

  clog(from: string, to: string, ms: number): void {
    const link = this.link(from, to);
    if (!link.good) link.cloggedUntilMs = this.ports.time.nowMs + ms;
  }

  mend(from: string, to: string): void {
    const link = this.link(from, to);
    link.cut = false;
    link.cloggedUntilMs = 0;
  }

  mendAll(): void {
    for (const link of this.links.values()) {
      link.cut = false;
      link.cloggedUntilMs = 0;
    }
  }

  /** From now on, whatever else happens, everything passes between these two. */
  mendForGood(from: string, to: string): void {
    const link = this.link(from, to);
    Object.assign(link, { cut: false, cloggedUntilMs: 0, good: true });
  }

  private carry(sent: PeerMessage, parts: readonly Buffer[], link: Link, habits: NetworkHabits, delayMs: number): void {
    const { time, chance, trace } = this.ports;
    let atMs = Math.max(time.nowMs + delayMs, link.cloggedUntilMs);
    if (!habits.reorder) atMs = Math.max(atMs, link.lastArrivalMs);
    link.lastArrivalMs = Math.max(atMs, link.lastArrivalMs);
    const flight = { lost: false };
    link.inFlight.push(flight);
    if (link.inFlight.length > habits.capacity) chance.pick(link.inFlight).lost = true;
    const { from, to } = sent;
    time.after(atMs - time.nowMs, () => {
      link.inFlight.splice(link.inFlight.indexOf(flight), 1);
      if (flight.lost || link.cut) return;
      for (const part of parts) {
        trace.mixBytes(part.subarray(0, 40));
        trace.mix(part.length);
      }
      this.arrive(parts, from, to);
    });
  }

  private arrive(parts: readonly Buffer[], from: string, to: string): void {
    const assembly = new PartsAssembly();
    for (const part of parts) {
      // Each arrival gets bytes of its own: the message may arrive twice.
      let received = decodeStreamMessage(Buffer.from(part), { from, to });
      if (received.kind === 'part') {
        const whole = assembly.add(received);
        if (!whole) continue;
        received = decodeStreamMessage(whole, { from, to });
      }
      if (received.kind === 'raft') this.ports.deliver(received.message, received.clockUs);
    }
  }

  private link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.links.get(key);
    if (!link) {
      link = { cut: false, cloggedUntilMs: 0, lastArrivalMs: 0, good: false, inFlight: [] };
      this.links.set(key, link);
    }
    return link;
  }
}

/** One line for the trace. */
function textOf(message: PeerMessage): string {
  const { from: _from, to: _to, type, term, ...rest } = message;
  const fields = Object.entries(rest).map(([name, value]) =>
    name === 'entries' ? `${(value as unknown[] | undefined)?.length ?? 0} entries` : `${name} ${String(value)}`,
  );
  return `${type} term ${term} ${fields.join(', ')}`;
}
