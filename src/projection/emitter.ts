import { FactstoreError } from '../base/errors.ts';
import { type Projection, producerOf } from '../model/projection.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
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
  /** The generation before first: its emissions come first. */
  private readonly generations: () => readonly { readonly runner: GenerationRunner; readonly until: number }[];
  private readonly producer: string;
  private readonly name: string;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private refusal: FactstoreError | undefined;

  constructor(
    ports: EmitterPorts,
    projection: Projection,
    generations: () => readonly { readonly runner: GenerationRunner; readonly until: number }[],
  ) {
    this.ports = ports;
    this.name = projection.name;
    this.producer = producerOf(projection);
    this.generations = generations;
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
        const store = await this.nextStore(current);
        if (current !== seen || !store) movedMs = clock.monotonicMs();
        seen = current;
        if (store && (leads() || clock.monotonicMs() - movedMs >= STAND_BY_MS)) {
          await this.send(store, current);
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

  /** The first generation that has something to send, trimmed by what the cursor has passed. */
  private async nextStore(current: number): Promise<GenerationRunner['store'] | undefined> {
    for (const { runner, until } of this.generations()) {
      await runner.store.trimOutbox(current);
      if (runner.store.outboxRows > 0) return runner.store;
      // Its last emissions are not known yet, and none of the next generation may pass them.
      if (runner.checkpoint.value < until && until !== Number.POSITIVE_INFINITY) return undefined;
    }
    return undefined;
  }

  private async send(store: GenerationRunner['store'], current: number): Promise<void> {
    const rows = await store.outbox(current + 1, IN_FLIGHT);
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
