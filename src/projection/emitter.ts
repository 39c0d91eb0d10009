import { FactstoreError } from '../base/errors.ts';
import { type Projection, producerOf } from '../model/projection.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { GenerationStore, OutboxRow } from './generation-store.ts';
import { appendOfRow } from './outbox.ts';
import type { GenerationRunner } from './runner.ts';

/** Where emissions go. */
export interface EmitterPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** True while this node leads: it emits, and the others stand by. */
  leads(): boolean;
  cursor(producer: string): Promise<number>;
  /** Appends that are judged in the order in which they are handed over: AppendRequest in, AppendResponse out. */
  openRoute(): { append(request: Uint8Array, deadlineMs: number): Promise<Uint8Array> };
}

/** A span of the log, and the generation that emits in it. */
export interface EmittedSegment {
  readonly generation: number;
  /** Undefined: it is not open yet. */
  readonly runner: GenerationRunner | undefined;
  readonly after: number;
  readonly until: number;
}

const IDLE_MS = 100;
const RETRY_MS = 100;
/** A node that does not lead sends too, once nothing has moved for so long: the leader may not run projections. */
const STAND_BY_MS = 3_000;
const IN_FLIGHT = 64;
const DEADLINE_MS = 10_000;
/** So many streams that take no more events are remembered; of others the next refusal tells again. */
const CLOSED_MAX = 1_000;

/** What is to be sent next, and whose outbox it stands in. */
interface Waiting {
  readonly store: GenerationStore;
  readonly rows: readonly OutboxRow[];
}

/**
 * Appends what a projection emits (rule P2): the rows of its outbox, in order, under its producer cursor. Every node keeps
 * what it would emit until the cursor has passed it, so it does not matter which node sends, nor if two do: the cursor
 * lets each through once, and none that would leave one out.
 */
export class Emitter {
  private readonly ports: EmitterPorts;
  /** In the order of the log; without those of which nothing is left to send. */
  private readonly segments: () => readonly EmittedSegment[];
  private readonly producer: string;
  private readonly name: string;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private refusal: FactstoreError | undefined;
  private segment: EmittedSegment | undefined;
  /** Generations of which it was told that they will not emit all of their span. */
  private readonly cutShort = new Set<number>();
  /** Streams that are tombstoned, and take no more events for good. */
  private readonly closed = new Set<string>();

  constructor(ports: EmitterPorts, projection: Projection, segments: () => readonly EmittedSegment[]) {
    this.ports = ports;
    this.name = projection.name;
    this.producer = producerOf(projection);
    this.segments = segments;
    this.running = this.run();
  }

  /** Why it has stopped: an emission that can never be appended. Undefined: it has not. */
  get refused(): FactstoreError | undefined {
    return this.refusal;
  }

  /** The generation whose emissions come next: those of later ones wait for them. */
  get sends(): number | undefined {
    return this.segment?.generation;
  }

  /** Whether that one stands still, so that they wait until it goes on. */
  get standsStill(): boolean {
    return this.segment?.runner?.faulted !== undefined;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { clock, logger, leads, cursor } = this.ports;
    const { signal } = this.stopping;
    let seen = -1;
    let movedMs = clock.monotonicMs();
    while (!signal.aborted && !this.refusal) {
      let waitMs = IDLE_MS;
      try {
        const current = await cursor(this.producer);
        const waiting = await this.nextRows(current);
        if (current !== seen || !waiting) movedMs = clock.monotonicMs();
        seen = current;
        if (waiting && (leads() || clock.monotonicMs() - movedMs >= STAND_BY_MS)) {
          await this.send(waiting, current);
          waitMs = 0;
        }
      } catch (error) {
        if (!(error instanceof FactstoreError)) throw error;
        logger.debug({ event: 'projection.emit', projection: this.name, err: error }, error.message);
        waitMs = RETRY_MS;
      }
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      else await clock.yieldTurn();
    }
  }

  /** What is to be sent next, of one segment; what the cursor has passed is forgotten. */
  private async nextRows(current: number): Promise<Waiting | undefined> {
    for (const segment of this.segments()) {
      this.segment = segment;
      const { runner, after, until } = segment;
      // What comes from another node counts once it is whole.
      if (!runner || runner.lacking) return undefined;
      const { store } = runner;
      // Asked before the rows are read: what it writes meanwhile would be in neither. Behind the cursor nothing is appended any
      // more, whatever this node still lacks of it.
      const complete = current >= until || runner.hasEmittedTo(until);
      await store.trimOutbox(current);
      const rows = store.outboxRows > 0 ? await store.outbox(Math.max(current, after) + 1, IN_FLIGHT) : [];
      const own = rows.filter(({ position }) => position <= until);
      if (own.length > 0) return { store, rows: own };
      // Its last emissions are not known yet, and none of the next segment may pass them.
      if (!complete) return undefined;
      if (current < until && runner.checkpoint.value < until) this.noteCutShort(runner, until);
    }
    return undefined;
  }

  private noteCutShort({ generation: { generation }, faulted }: GenerationRunner, until: number): void {
    if (this.cutShort.has(generation)) return;
    this.cutShort.add(generation);
    const from = Number(faulted?.position);
    this.ports.logger.warn(
      { event: 'projection.notEmitted', projection: this.name, generation, from, until },
      `generation ${generation} of projection ${this.name} stands still before position ${from}, and another one has taken over: for the events from there up to position ${until} nothing is emitted`,
    );
  }

  private async send({ store, rows }: Waiting, current: number): Promise<void> {
    const route = this.ports.openRoute();
    const { leftOut } = store;
    const answers: Promise<Uint8Array>[] = [];
    let before = current;
    for (const { position, row } of rows) {
      const request = appendOfRow(this.producer, position, row, { before, leftOut, without: this.closed });
      if (!request) break;
      before = position;
      answers.push(route.append(request, DEADLINE_MS));
    }
    const [first] = rows;
    // Only once all before it is appended: what follows it goes on right there.
    if (answers.length === 0 && first) return store.leaveOut(first.position);
    const settled = await untilAborted(Promise.allSettled(answers), this.stopping.signal);
    for (const [n, answer] of settled.entries()) {
      const { position } = rows[n] as OutboxRow;
      if (answer.status === 'rejected') throw this.failure(position, answer.reason);
      const outcome = decodeAppendResponse(answer.value);
      if (outcome.kind === 'conflict') return this.noteClosed(position, outcome.checks);
    }
  }

  /** A tombstone is for good: what goes to such a stream is left out, or everything behind it would wait for ever. */
  private noteClosed(position: number, checks: readonly { readonly stream: string; readonly actual: string }[]): void {
    const streams = checks.filter(({ actual }) => actual === 'tombstoned').map(({ stream }) => stream);
    if (streams.length === 0) throw this.refuse(position, 'a stream is not as it has to be');
    if (this.closed.size + streams.length > CLOSED_MAX) this.closed.clear();
    for (const stream of streams) {
      this.closed.add(stream);
      this.ports.logger.warn(
        { event: 'projection.leftOut', projection: this.name, stream, position },
        `projection ${this.name} emits to ${JSON.stringify(stream)}, which is tombstoned: from what it emitted at position ${position} on, that is left out`,
      );
    }
  }

  private failure(position: number, reason: unknown): unknown {
    if (reason instanceof FactstoreError && (reason.code === 'INVALID_ARGUMENT' || reason.code === 'LIMIT_EXCEEDED')) {
      return this.refuse(position, reason.message);
    }
    return reason;
  }

  private refuse(position: number, reason: string): FactstoreError {
    const text = `what projection ${JSON.stringify(this.name)} emitted at position ${position} cannot be appended: ${reason}`;
    this.refusal = new FactstoreError('FAILED_PRECONDITION', text, { projection: this.name, position });
    this.ports.logger.error({ event: 'projection.refused', projection: this.name, position }, text);
    return this.refusal;
  }
}
