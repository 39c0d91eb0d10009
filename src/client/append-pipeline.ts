import { FactstoreError } from '../base/errors.ts';
import { type AppendOutcome, decodeAppendResponse } from '../proto/append-response.ts';
import { type Clock, every, type Timer } from '../runtime/clock.ts';
import { AppendCall, type AppendCallEvents, type InFlightLimits } from './append-call.ts';
import { backoffMs } from './backoff.ts';
import { conflictError } from './conflict.ts';
import { Fifo } from './fifo.ts';
import type { LeaderFinder, Route } from './leader-finder.ts';
import { PROBE_TIMEOUT_MS } from './node.ts';
import { abortError, type PendingAppend, timeoutError } from './pending-append.ts';
import { RequestMemory } from './request-memory.ts';
import { listenTo } from './session.ts';
import { asFactstoreError, isRetryable } from './status-error.ts';
import type { Upcasting } from './upcasting.ts';

/** One timer looks after the deadlines of all appends. */
const SWEEP_MS = 50;

/** Answers that other appends in flight may still get before the call is given up, when one was refused for now. */
const DRAIN_MS = 2_000;

/** How often a call whose appends are forwarded looks whether the leader can be reached now. */
const LOOK_FOR_LEADER_MS = 5_000;

/** Elections are over in a second or two: a longer wait between two looks would add to every failover. */
const BACKOFF_STEPS_MAX = 2;

export interface PipelineLimits extends InFlightLimits {
  /** The bytes of all appends without an answer, at most. */
  readonly queuedBytes: number;
}

/** What an append is made of. */
export interface AppendJob {
  readonly request: Uint8Array;
  readonly appendId: string;
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * All appends of a client, over one call to the leader, many in flight. What is not answered when a call is lost is
 * sent again, with its id and its bytes, in the order in which the application asked and before anything new (rule S8).
 * When an append is refused for now, sending stops until the others in flight are answered, and goes on with the
 * refused one: no append passes an earlier one (rule S4).
 */
export class AppendPipeline implements AppendCallEvents {
  /** What requests are written to. */
  readonly memory = new RequestMemory();
  private readonly leaders: LeaderFinder;
  private readonly clock: Clock;
  private readonly limits: PipelineLimits;
  private readonly open = new Set<PendingAppend>();
  private readonly queue = new Fifo<PendingAppend>();
  private readonly stopping = new AbortController();
  private call: AppendCall | undefined;
  /** Refused for now, to be sent again when the call is drained. */
  private refusedNow: PendingAppend[] = [];
  private draining: Timer | undefined;
  private openBytes = 0;
  private asked = 0;
  private answers = 0;
  private running = false;
  private readonly upcasting: Upcasting;
  private sweep: Timer | undefined;
  private whenIdle: (() => void)[] = [];

  constructor(leaders: LeaderFinder, clock: Clock, limits: PipelineLimits, upcasting: Upcasting) {
    this.upcasting = upcasting;
    this.leaders = leaders;
    this.clock = clock;
    this.limits = limits;
  }

  /** Sends an append; resolves with its outcome, conflicts end in an error. */
  append(job: AppendJob): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const refusal = this.refusal(job);
      if (refusal) return reject(refusal);
      const append: PendingAppend = {
        request: job.request,
        order: ++this.asked,
        deadlineMs: this.clock.monotonicMs() + job.timeoutMs,
        timeoutMs: job.timeoutMs,
        what: job.what,
        appendId: job.appendId,
        resolve,
        reject,
        signal: job.signal,
        onAbort: undefined,
        firstSentMs: undefined,
        uncertain: false,
        lastError: undefined,
        inFlight: false,
        settled: false,
      };
      if (job.signal) this.watch(append, job.signal);
      this.open.add(append);
      this.openBytes += job.request.length;
      this.queue.push(append);
      this.sweep ??= every(this.clock, SWEEP_MS, () => this.expire());
      if (this.call) this.room();
      else if (!this.running) void this.run();
    });
  }

  /** Resolves when every append is answered. */
  idle(): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** Ends the call; what is not answered ends in CANCELLED. */
  close(): void {
    this.stopping.abort();
    for (const append of [...this.open]) this.fail(append, abortError(append));
    this.sweep?.cancel();
    this.draining?.cancel();
    this.call?.cancel();
  }

  /** @internal An answer came. */
  answered(append: PendingAppend, answer: Uint8Array): void {
    this.answers++;
    if (append.settled) return;
    try {
      const outcome = decodeAppendResponse(answer);
      // It was sent whole, or there would be no answer, and will not be sent again.
      this.memory.give(append.request);
      if (outcome.kind === 'conflict') return this.fail(append, conflictError(outcome, append.what, this.upcasting));
      this.settle(append);
      append.resolve(outcome);
    } catch (error) {
      append.uncertain = true;
      this.fail(append, asFactstoreError(error));
    }
  }

  /** @internal An append was refused, or its fate is not known. */
  refused(append: PendingAppend, error: FactstoreError): void {
    if (!error.definite) append.uncertain = true;
    append.lastError = error;
    if (!isRetryable(error)) {
      return this.fail(append, error);
    }
    this.refusedNow.push(append);
    this.drain();
  }

  /** @internal Sends what there is room for. */
  room(): void {
    const { call } = this;
    if (!call) return;
    if (this.draining) {
      if (call.isEmpty) call.cancel();
      return;
    }
    const now = this.clock.monotonicMs();
    while (call.hasRoom) {
      const append = this.queue.shift();
      if (!append) return;
      if (!append.settled) call.send(append, now);
    }
  }

  private refusal(job: AppendJob): FactstoreError | undefined {
    if (this.stopping.signal.aborted) {
      const text = `${job.what}: the client is closed. Nothing was written.`;
      return new FactstoreError('CANCELLED', text, { appendId: job.appendId }, { definite: true });
    }
    if (job.signal?.aborted) return abortError({ ...job, uncertain: false, inFlight: false });
    const bytes = this.openBytes + job.request.length;
    if (this.open.size === 0 || bytes <= this.limits.queuedBytes) return undefined;
    const text = `${job.what} refused: ${this.open.size} appends of ${this.openBytes} bytes wait for their answers already, and ${this.limits.queuedBytes} are allowed. Nothing was written. Await appends before making more.`;
    return new FactstoreError('OVERLOADED', text, { limit: this.limits.queuedBytes, actual: bytes });
  }

  /** Keeps a call open as long as there is something to append. */
  private async run(): Promise<void> {
    this.running = true;
    let failures = 0;
    const { signal } = this.stopping;
    while (this.open.size > 0 && !signal.aborted) {
      const before = this.answers;
      const error = await this.session(signal);
      if (this.open.size === 0) break;
      failures = this.answers > before ? 0 : failures + 1;
      // A node that names the leader spares the waiting, once.
      const redirected = leaderIn(error) !== undefined && failures < 2;
      if (!redirected) await this.clock.sleep(backoffMs(Math.min(failures, BACKOFF_STEPS_MAX)), signal);
    }
    this.running = false;
  }

  /** One call from its beginning to its end; gives the reason of the end. */
  private async session(signal: AbortSignal): Promise<FactstoreError> {
    let route: Route | undefined;
    try {
      route = await this.leaders.find(signal);
      // Without this an append could be lost on a connection that never came about, and would count as sent.
      await route.node.reach({ timeoutMs: PROBE_TIMEOUT_MS, signal });
      if (signal.aborted || this.open.size === 0) return new FactstoreError('CANCELLED', 'nothing is left to append');
      const call = new AppendCall(route, this.clock, this.limits, this);
      this.call = call;
      this.room();
      const looking = route.leads ? undefined : every(this.clock, LOOK_FOR_LEADER_MS, () => this.lookForLeader(call));
      const error = await call.ended;
      looking?.cancel();
      this.call = undefined;
      return this.ended(call, error);
    } catch (thrown) {
      // No leader, or none that can be reached: nothing was sent.
      if (route) this.leaders.lost(route.node);
      const error = asFactstoreError(thrown);
      this.noteFailure(error, isRetryable(error));
      return error;
    }
  }

  /** Sends nothing more over this call, and ends it once all its appends are answered. */
  private drain(): void {
    this.draining ??= this.clock.setTimer(DRAIN_MS, () => this.call?.cancel());
  }

  /** Moves from a follower that forwards to the leader itself, when that can be reached. */
  private async lookForLeader(call: AppendCall): Promise<void> {
    const route = await this.leaders.search(this.stopping.signal).catch(() => undefined);
    if (this.call !== call || !route?.leads) return;
    this.drain();
    this.room();
  }

  /** Puts what the call left behind back to the front of the queue. */
  private ended(call: AppendCall, error: FactstoreError): FactstoreError {
    const drained = this.draining !== undefined;
    this.draining?.cancel();
    this.draining = undefined;
    const { unanswered } = call;
    for (const append of unanswered) {
      append.inFlight = false;
      append.uncertain = true;
      append.lastError = error;
    }
    const again = [...this.refusedNow, ...unanswered].filter((append) => !append.settled);
    const reason = drained ? (this.refusedNow[0]?.lastError ?? error) : error;
    this.refusedNow = [];
    this.queue.unshift(again.sort((a, b) => a.order - b.order));
    if (reason.code !== 'OVERLOADED') this.leaders.lost(call.route.node, leaderIn(reason));
    return reason;
  }

  private noteFailure(error: FactstoreError, retry: boolean): void {
    for (const append of [...this.open]) {
      append.lastError = error;
      if (!retry) this.fail(append, append.uncertain ? timeoutError(append) : error);
    }
  }

  private expire(): void {
    const now = this.clock.monotonicMs();
    for (const append of this.open) if (append.deadlineMs <= now) this.fail(append, timeoutError(append));
    if (this.open.size > 0) return;
    this.sweep?.cancel();
    this.sweep = undefined;
  }

  private watch(append: PendingAppend, signal: AbortSignal): void {
    append.onAbort = () => this.fail(append, abortError(append));
    listenTo(signal, append.onAbort);
  }

  private fail(append: PendingAppend, error: FactstoreError): void {
    if (append.settled) return;
    this.settle(append);
    append.reject(error);
  }

  private settle(append: PendingAppend): void {
    append.settled = true;
    this.open.delete(append);
    this.openBytes -= append.request.length;
    if (append.onAbort) append.signal?.removeEventListener('abort', append.onAbort);
    if (this.open.size > 0 || this.whenIdle.length === 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}

/** The address of the leader, where a node that does not lead named it. */
function leaderIn(error: FactstoreError): string | undefined {
  const { leader } = error.details;
  return error.code === 'NOT_LEADER' && typeof leader === 'string' && leader !== '' ? leader : undefined;
}
