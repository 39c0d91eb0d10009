import { latencies, latencyOf, type Measured } from './result.ts';
import { type Process, UsageMeter } from './usage.ts';

/** No measurement does more than this, however quick the system is. */
const OPERATIONS_MAX = 20_000_000;
/** Behind an open loop more than this may not pile up: the system does not keep up, and the rate is beyond it. */
const OPEN_MAX = 100_000;
/** After the end of a measurement the open operations get this long to end. */
const DRAIN_MS = 30_000;

/**
 * One operation of a load. `done` is called once, with the error if it failed, and with by how much the system's own
 * counter grows by it, where that is not one for each unit. `begun` is the time from which its latency counts.
 */
export type Operation = (done: (error?: unknown, written?: number) => void, begun: number) => void;

/**
 * Closed: so many operations are always under way, each replaced when it ends. Open: so many begin a second, however long
 * they take, and the latency of each counts from the time at which it was to begin, so that a system that stalls cannot
 * hide the operations that it kept from beginning.
 */
export type Shape = { readonly inFlight: number } | { readonly perSecond: number };

export interface LoadPlan {
  readonly shape: Shape;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Events (puts) that one operation writes or reads. */
  readonly units: number;
  /** The processes that serve the load. */
  readonly servers: readonly Process[];
}

export interface LoadResult extends Measured {
  /** By how much the system's counter must have grown, the warm-up included. */
  readonly written: number;
}

/** An operation from a function that gives a promise. */
export function promised(work: () => Promise<unknown>): Operation {
  return (done) => {
    work().then(() => done(), done);
  };
}

/** Drives a load, first for the warm-up, then measured. The first error ends it. */
export function drive(operation: Operation, plan: LoadPlan): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const run = new LoadRun(operation, plan, resolve, reject);
    if ('inFlight' in plan.shape) run.closed(plan.shape.inFlight);
    else run.open(plan.shape.perSecond);
  });
}

class LoadRun {
  private readonly histogram = latencies();
  private readonly operation: Operation;
  private readonly plan: LoadPlan;
  private readonly resolve: (result: LoadResult) => void;
  private readonly reject: (error: unknown) => void;
  private readonly meter: UsageMeter;
  private readonly begun = performance.now();
  private readonly from: number;
  private readonly to: number;
  private readonly limit: NodeJS.Timeout;
  private underWay = 0;
  private started = 0;
  private counted = 0;
  private measuredMs: number;
  private written = 0;
  /** Nothing more begins. */
  private over = false;
  private settled = false;

  constructor(
    operation: Operation,
    plan: LoadPlan,
    resolve: (result: LoadResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.operation = operation;
    this.plan = plan;
    this.resolve = resolve;
    this.reject = reject;
    this.from = this.begun + plan.warmUpMs;
    this.to = this.from + plan.measureMs;
    this.measuredMs = plan.measureMs;
    this.meter = new UsageMeter(plan.servers);
    setTimeout(() => this.meter.begin(), plan.warmUpMs);
    setTimeout(() => this.meter.end(), plan.warmUpMs + plan.measureMs);
    this.limit = setTimeout(
      () => this.fail(new Error(`${this.underWay} operations have not ended ${DRAIN_MS} ms after the measurement`)),
      plan.warmUpMs + plan.measureMs + DRAIN_MS,
    );
  }

  closed(inFlight: number): void {
    const next = () => {
      const now = performance.now();
      if (this.over || now >= this.to || this.started >= OPERATIONS_MAX) this.end();
      else this.start(now, next);
    };
    for (let i = 0; i < inFlight; i++) next();
  }

  open(perSecond: number): void {
    const ended = () => {
      if (this.over) this.end();
    };
    const turn = () => {
      const now = performance.now();
      for (;;) {
        const due = this.begun + (this.started * 1000) / perSecond;
        if (due >= this.to || this.over) return this.end();
        if (due > now) break;
        this.start(due, ended);
      }
      if (this.underWay > OPEN_MAX) {
        return this.fail(new Error(`${perSecond} operations a second are too many: ${this.underWay} have piled up`));
      }
      setTimeout(turn, 1);
    };
    turn();
  }

  private start(begun: number, ended: () => void): void {
    this.underWay++;
    this.started++;
    this.operation((error, written = this.plan.units) => {
      this.underWay--;
      if (error) return this.fail(error);
      this.written += written;
      const now = performance.now();
      // Where not one operation ends in time, the first one that does is what the measurement has.
      if (now >= this.from && (now < this.to || this.counted === 0)) {
        this.counted++;
        this.measuredMs = Math.max(this.measuredMs, now - this.from);
        this.histogram.recordValue(Math.max(1, Math.round((now - begun) * 1000)));
      }
      ended();
    }, begun);
  }

  private end(): void {
    this.over = true;
    if (this.underWay > 0 || this.settled) return;
    if (this.counted === 0) return this.fail(new Error('not one operation ended behind the warm-up'));
    this.settle();
    const units = this.counted * this.plan.units;
    this.resolve({
      value: units / (this.measuredMs / 1000),
      units,
      written: this.written,
      latencyMs: latencyOf(this.histogram),
      processes: this.meter.per(units),
    });
  }

  private fail(error: unknown): void {
    this.over = true;
    this.settle();
    this.reject(error);
  }

  private settle(): void {
    this.settled = true;
    clearTimeout(this.limit);
    this.meter.end();
  }
}
