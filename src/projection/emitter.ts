import { FactstoreError } from '../base/errors.ts';
import { type Projection, producerOf } from '../model/projection.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { OutboxRow } from './generation-store.ts';
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
        const rows = await this.nextRows(current);
        if (current !== seen || rows.length === 0) movedMs = clock.monotonicMs();
        seen = current;
        if (rows.length > 0 && (leads() || clock.monotonicMs() - movedMs >= STAND_BY_MS)) {
          await this.send(rows, current);
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
  private async nextRows(current: number): Promise<readonly OutboxRow[]> {
    for (const { runner, after, until } of this.segments()) {
      // What comes from another node counts once it is whole.
      if (!runner || runner.lacking) return [];
      const { store } = runner;
      // Asked before the rows are read: what it writes meanwhile would be in neither.
      const complete = runner.checkpoint.value >= until;
      await store.trimOutbox(current);
      const rows = store.outboxRows > 0 ? await store.outbox(Math.max(current, after) + 1, IN_FLIGHT) : [];
      const own = rows.filter(({ position }) => position <= until);
      if (own.length > 0) return own;
      // Its last emissions are not known yet, and none of the next segment may pass them.
      if (!complete) return [];
    }
    return [];
  }

  private async send(rows: readonly OutboxRow[], current: number): Promise<void> {
    const route = this.ports.openRoute();
    let before = current;
    const answers = rows.map(({ position, row }) => {
      const request = appendOfRow(this.producer, position, row, before);
      before = position;
      return route.append(request, DEADLINE_MS);
    });
    const settled = await untilAborted(Promise.allSettled(answers), this.stopping.signal);
    for (const [n, answer] of settled.entries()) {
      if (answer.status === 'rejected') throw this.failure(answer.reason);
      const outcome = decodeAppendResponse(answer.value);
      if (outcome.kind === 'conflict') throw this.refuse(rows[n]?.position ?? 0, 'a stream takes no more events');
    }
  }

  private failure(reason: unknown): unknown {
    if (reason instanceof FactstoreError && (reason.code === 'INVALID_ARGUMENT' || reason.code === 'LIMIT_EXCEEDED')) {
      return this.refuse(0, reason.message);
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
