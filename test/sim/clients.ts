import { FactstoreError } from '../../src/base/errors.ts';
import { checkAppend, type RawAppend } from '../../src/database/check-append.ts';
import type { Consistency } from '../../src/database/consistency.ts';
import type { ReadBatch, ReadRequest } from '../../src/database/reads.ts';
import type { Append, Expectation } from '../../src/model/append.ts';
import type { AppendCondition, QueryItem } from '../../src/model/query.ts';
import { PIECE_BYTES } from '../../src/storage/record.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';
import type { Calls } from './calls.ts';
import type { Chance } from './chance.ts';
import type { AppendChecks, ClientAppend } from './checks/appends.ts';
import type { Committed } from './checks/committed.ts';
import type { ReadChecks } from './checks/reads.ts';
import { Violation } from './checks/violation.ts';
import type { Node } from './node.ts';
import type { ClientHabits } from './plan.ts';
import type { Trace } from './trace.ts';

export interface ClientPorts {
  readonly habits: ClientHabits;
  readonly calls: Calls;
  readonly committed: Committed;
  readonly appends: AppendChecks;
  readonly reads: ReadChecks;
  readonly trace: Trace;
  /** The nodes that can be asked now. */
  nodes(): readonly Node[];
  violated(error: unknown): void;
  /** True once the clients have to come to an end. */
  over(): boolean;
}

let nothing: undefined;
const ATTEMPTS_MAX = 12;
/** What a node may say when it does not take an append; an id is never used for two, and no cursor skips, so nothing else. */
const APPEND_REFUSALS: readonly string[] = ['LEADERSHIP_LOST', 'OVERLOADED', 'DISK_RESERVE'];
/** What a node may say when it cannot answer. */
const HARMLESS: readonly string[] = [
  ...['NOT_READY', 'NO_LEADER', 'BEHIND', 'UNREACHABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'NOT_LEADER'],
];
const TAGS: readonly string[] = ['t0', 't1', 't2', 't3'];
const ANYTHING: QueryItem = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };
/** How many events at the end of the log are those that were committed lately. */
const LATELY = 20;
/** Of the data of one write of an append, about. */
const WRITE_BYTES_MAX = 50_000;

/** Clients that append, read and subscribe until they are told to stop; everything that they are told is checked. */
export class Clients {
  private readonly ports: ClientPorts;
  private made = 0;
  private running = 0;

  constructor(ports: ClientPorts, chance: Chance) {
    this.ports = ports;
    const { habits } = ports;
    const begin = (count: number, loop: (chance: Chance, number: number) => Promise<void>) => {
      for (let n = 0; n < count; n++) this.begin(loop(chance.fork(), n));
    };
    begin(habits.appenders, (own, n) => this.appender(own, n));
    begin(habits.producers, (own, n) => this.producer(own, n));
    begin(habits.readers, (own, n) => this.reader(own, n));
    begin(habits.subscribers, (own, n) => this.subscriber(own, n));
  }

  /** True once all have come to an end. */
  get done(): boolean {
    return this.running === 0;
  }

  /** One append that has to succeed, sent again and again; for the proof of progress. */
  async insist(chance: Chance, nodes: () => readonly Node[]): Promise<void> {
    const known = this.ports.appends.begin(this.makeAppend(chance, 'probe', [{ stream: 'probe', events: 1 }]));
    while (!known.answer) {
      const node = this.leader(chance, nodes());
      if (node) await this.attempt('probe', node, node.database.openLane(true), known, 2_000);
      if (!known.answer) await this.ports.calls.wait(20);
    }
  }

  private begin(loop: Promise<void>): void {
    this.running++;
    loop.then(
      () => this.running--,
      (error: unknown) => this.ports.violated(error),
    );
  }

  /** Sends a few appends at once over one lane; what is not certain, it sends again, in order, over the next one. */
  private async appender(chance: Chance, number: number): Promise<void> {
    const { habits } = this.ports;
    while (!this.ports.over()) {
      const made = Array.from({ length: chance.between(1, habits.batchMax + 1) }, () =>
        this.ports.appends.begin(this.randomAppend(chance, number)),
      );
      await this.sendAll(chance, `append-${number}`, made);
      await this.pause(chance);
    }
  }

  private async sendAll(chance: Chance, who: string, made: readonly ClientAppend[]): Promise<void> {
    let left = made;
    const attempts = chance.of(0.2) ? 1 : ATTEMPTS_MAX;
    for (let attempt = 0; left.length > 0 && attempt < attempts && !this.ports.over(); attempt++) {
      const node = this.leader(chance);
      if (node) {
        const patient = chance.of(0.7);
        const lane = node.database.openLane(patient);
        await Promise.all(left.map((known) => this.attempt(who, node, lane, known, this.ports.habits.timeoutMs)));
        left = left.filter((known) => !known.answer && known.refused === undefined);
      }
      if (left.length > 0) await this.pause(chance);
    }
    // Now and then an answered append is sent once more: the answer has to be the same (S6).
    const again = chance.pick(made);
    const node = this.leader(chance);
    if (chance.of(0.2) && node && again.answer)
      await this.attempt(who, node, node.database.openLane(false), again, this.ports.habits.timeoutMs);
    for (const known of left) this.ports.appends.giveUp(known, 'every attempt was refused');
  }

  /** A producer appends under its cursor, and goes on only when it knows what became of each (S7). */
  private async producer(chance: Chance, number: number): Promise<void> {
    let previous = 0;
    while (!this.ports.over()) {
      const current = previous + chance.between(1, 4);
      const cursor = { producer: `producer-${number}`, previous, current };
      const known = this.ports.appends.begin(
        this.makeAppend(chance, 'p', [{ stream: `p-${number}`, events: 1 }], { producer: cursor }),
      );
      while (!known.answer && !this.ports.over()) {
        const node = this.leader(chance);
        if (node)
          await this.attempt(
            `produce-${number}`,
            node,
            node.database.openLane(true),
            known,
            this.ports.habits.timeoutMs,
          );
        if (!known.answer) await this.pause(chance);
      }
      previous = current;
      await this.pause(chance);
    }
  }

  private async attempt(
    who: string,
    node: Node,
    lane: ReturnType<Node['database']['openLane']>,
    known: ClientAppend,
    timeoutMs: number,
  ): Promise<void> {
    const { appends, calls, committed, trace } = this.ports;
    const sinceHead = committed.head;
    known.open++;
    let answered = false;
    let waits = true;
    try {
      await calls.call(node, timeoutMs, async () => {
        const outcome = await lane.append(known.append).finally(() => {
          answered = true;
          known.open--;
        });
        this.guarded(() => appends.answered(known, outcome, sinceHead, !waits));
        trace.note(who, () => `${node.id} answers ${known.key.slice(0, 8)}: ${outcome.kind} at ${outcome.position}`);
        trace.mix(outcome.position);
        if (waits && outcome.kind === 'conflict') appends.giveUp(known, 'a conflict');
      });
    } catch (error) {
      waits = false;
      if (!(error instanceof FactstoreError)) throw error;
      trace.note(who, () => `${node.id} on ${known.key.slice(0, 8)}: ${error.code}`);
      if (!APPEND_REFUSALS.includes(error.code)) this.tolerate(who, node, error);
      // A node that died or stayed silent may still have written it.
      if (answered) appends.failed(known, error);
      else known.doubtful = true;
    }
  }

  private async reader(chance: Chance, number: number): Promise<void> {
    const who = `read-${number}`;
    while (!this.ports.over()) {
      const node = this.anyNode(chance);
      if (node) await this.read(chance, who, node);
      await this.pause(chance);
    }
  }

  private async read(chance: Chance, who: string, node: Node): Promise<void> {
    const { calls, committed, reads, trace, habits } = this.ports;
    const request = this.randomRead(chance);
    const sinceHead = committed.head;
    try {
      await calls.call(node, habits.timeoutMs, async (signal) => {
        const batches: ReadBatch[] = [];
        for await (const batch of node.database.read(request, signal, habits.timeoutMs)) batches.push(batch);
        if (signal.aborted) return;
        this.guarded(() => reads.read(`${who} at ${node.id}`, request, batches, sinceHead));
        trace.note(who, () => `${node.id} reads ${request.consistency.kind} at ${batches[0]?.start?.head}`);
        trace.mix(batches[0]?.start?.head ?? 0);
      });
    } catch (error) {
      this.tolerate(who, node, error);
    }
  }

  /** Follows a stream, or everything, from its checkpoint, at one node after another, each for a while. */
  private async subscriber(chance: Chance, number: number): Promise<void> {
    const { calls, committed, reads } = this.ports;
    const who = `follow-${number}`;
    const stream = chance.of(0.4) ? this.anyStream(chance) : undefined;
    const target = stream === undefined ? ({ kind: 'all' } as const) : ({ kind: 'stream', stream } as const);
    let checkpoint = 0;
    while (!this.ports.over()) {
      const node = this.anyNode(chance);
      if (node) {
        const sinceHead = committed.head;
        const start = { kind: 'after', position: checkpoint } as const;
        await calls
          .call(node, chance.between(10, 1_500), async (signal, gone) => {
            for await (const delivery of node.database.subscribe({ target, start, userEvents: false }, signal)) {
              if (gone()) return;
              this.guarded(() => {
                reads.delivery(`${who} at ${node.id}`, stream, checkpoint, delivery);
                if (delivery.caughtUp !== undefined && delivery.caughtUp < sinceHead)
                  throw new Violation(`${who}: caught up at ${delivery.caughtUp}, behind ${sinceHead} (Q3)`);
              });
              checkpoint = delivery.checkpoint;
              this.ports.trace.mix(checkpoint);
            }
          })
          .catch((error: unknown) => this.tolerate(who, node, error));
      }
      await this.pause(chance);
    }
  }

  private guarded(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.ports.violated(error);
    }
  }

  /** A damaged node may say that it is; nothing else may be wrong. */
  private tolerate(who: string, node: Node, error: unknown): void {
    if (!(error instanceof FactstoreError)) return this.ports.violated(error);
    this.ports.trace.note(who, () => `${node.id}: ${error.code}`);
    if (HARMLESS.includes(error.code)) return;
    if (error.code === 'DATA_LOSS' && node.disk.damage !== undefined) return;
    this.ports.violated(new Violation(`${who} at ${node.id}: ${error.message}`, { cause: error }));
  }

  private randomAppend(chance: Chance, number: number): Append {
    const { habits } = this.ports;
    const writes = chance.of(0.15) ? chance.between(2, 4) : 1;
    const streams = new Map<string, { stream: string; events: number; expect?: Expectation }>();
    for (let n = 0; n < writes; n++) {
      const stream = chance.of(0.3) ? `own-${number}` : this.anyStream(chance);
      // A write without events only checks the stream.
      const events = n > 0 && chance.of(0.3) ? 0 : chance.between(1, habits.eventsMax + 1);
      if (!streams.has(stream)) streams.set(stream, { stream, events, expect: this.anyExpectation(chance, stream) });
    }
    const conditions = chance.of(0.25) ? [this.anyCondition(chance)] : [];
    return this.makeAppend(chance, `a${number}`, [...streams.values()], { conditions });
  }

  private makeAppend(
    chance: Chance,
    type: string,
    writes: readonly { stream: string; events: number; expect?: Expectation }[],
    rest: Pick<RawAppend, 'producer' | 'conditions'> = {},
  ): Append {
    const appendId = Buffer.alloc(16);
    appendId.writeUInt32BE(++this.made);
    const encoded = writes.map(({ stream, events, expect = { kind: 'any' } }) => ({
      stream,
      expect: events === 0 && writes.length === 1 ? ({ kind: 'any' } as const) : expect,
      events: Array.from({ length: Math.max(events, writes.length === 1 ? 1 : 0) }, (_, n) =>
        encodeEvent({
          type: `${type}.${this.made}.${n}`,
          tags: TAGS.filter(() => chance.of(0.2)),
          data: this.dataOf(chance, events),
        }),
      ),
    }));
    const content = encoded.flatMap(({ stream, events }) => [Buffer.from(stream), ...events]);
    return checkAppend({ appendId, writes: encoded, attemptAgeMs: 0, content, ...rest });
  }

  private dataOf(chance: Chance, events: number): Buffer {
    const { dataBytesMax, pieces } = this.ports.habits;
    const bytesMax = Math.min(dataBytesMax, WRITE_BYTES_MAX / events);
    // Now and then one is so large that it is sealed, hashed and sent in pieces (C3).
    const large = pieces && events === 1 && chance.of(0.1);
    return Buffer.alloc(
      large ? PIECE_BYTES + chance.between(0, 50_000) : chance.between(0, bytesMax + 1),
      chance.between(0, 256),
    );
  }

  /** A boundary that looks back a little, or not at all. */
  private anyCondition(chance: Chance): AppendCondition {
    const tags = TAGS.filter(() => chance.of(0.3));
    const names = tags.length === 0 || chance.of(0.4) ? this.anyNames(chance) : {};
    const item = { ...ANYTHING, tags, ...names };
    const after = this.ports.committed.head - chance.pick([0, 0, 1, 3, 20]);
    return { query: { items: chance.of(0.1) ? [] : [item] }, after: Math.max(0, after) };
  }

  /** A stream mostly; or what of it a boundary may name instead, or the type of an event that was committed lately. */
  private anyNames(chance: Chance): Partial<QueryItem> {
    const { events } = this.ports.committed;
    const lately = events.slice(-LATELY);
    const kind = chance.between(0, 7);
    if (kind === 0 && lately.length > 0) return { types: [chance.pick(lately).type] };
    if (kind === 1) return { categories: [chance.pick(['s', 'own'])] };
    if (kind === 2) return { streamPrefixes: [chance.pick(['s-', 's-1', 'own-', 'own-1'])] };
    return { streams: [this.anyStream(chance)] };
  }

  private anyExpectation(chance: Chance, stream: string): Expectation {
    const committed = (this.ports.committed.streams.get(stream)?.length ?? 0) - 1;
    const kind = chance.between(0, 10);
    if (kind < 5) return { kind: 'any' };
    if (kind === 5) return { kind: 'none' };
    if (kind === 6) return { kind: 'exists' };
    return { kind: 'revision', revision: Math.max(0, committed + (kind === 9 ? chance.between(-2, 3) : 0)) };
  }

  private randomRead(chance: Chance): ReadRequest {
    const { committed } = this.ports;
    const stream = this.anyStream(chance);
    const ofStream = chance.of(0.5);
    const position = chance.between(0, committed.head + 3);
    const start = chance.pick([
      nothing,
      nothing,
      ofStream ? ({ kind: 'revision', revision: chance.between(0, 20) } as const) : nothing,
      { kind: 'position', position: Math.max(1, position) } as const,
      { kind: 'time', timeUs: committed.events[position]?.createdUs ?? 1 } as const,
    ]);
    const consistency: Consistency = chance.pick([
      { kind: 'linearizable' },
      { kind: 'linearizable' },
      { kind: 'local' },
      { kind: 'atLeast', position: chance.between(0, committed.head + 1) },
    ] as const);
    return {
      target: ofStream ? { kind: 'stream', stream } : { kind: 'all' },
      backwards: chance.of(0.4),
      start,
      limit: chance.pick([0, 0, 1, 5]),
      consistency,
      userEvents: false,
    };
  }

  private anyStream(chance: Chance): string {
    return `s-${chance.between(0, this.ports.habits.streams)}`;
  }

  private anyNode(chance: Chance): Node | undefined {
    const nodes = this.ports.nodes();
    return nodes.length > 0 ? chance.pick(nodes) : undefined;
  }

  /** A node that believes that it leads, or now and then just any. */
  private leader(chance: Chance, nodes = this.ports.nodes()): Node | undefined {
    const leading = nodes.filter(({ replica }) => replica.acceptsProposals);
    const from = leading.length > 0 && chance.of(0.95) ? leading : nodes;
    return from.length > 0 ? chance.pick(from) : undefined;
  }

  private pause(chance: Chance): Promise<void> {
    return this.ports.calls.wait(chance.around(this.ports.habits.pauseMs) + 1);
  }
}
