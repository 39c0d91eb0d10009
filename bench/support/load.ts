import { build } from 'hdr-histogram-js';
import { cpuUsOf } from './cpu.ts';

/** Latencies are recorded in microseconds. */
const LATENCY_MAX_US = 120_000_000;
/** No measurement does more than this, however quick the system is. */
const OPERATIONS_MAX = 20_000_000;
/** After the end of a measurement the open operations get this long to end. */
const DRAIN_MS = 30_000;

/** One operation of a load; `done` is called once, with the error if it failed. */
export type Operation = (done: (error?: unknown) => void) => void;

export interface LoadPlan {
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Events (puts) that one operation writes. */
  readonly unitsPerOperation: number;
  /** The processes that serve the load. */
  readonly serverPids: readonly (number | undefined)[];
}

export interface Measured {
  /** Events (puts) a second; only what ended within the measured time counts. */
  readonly rate: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** The count behind `rate`. */
  readonly units: number;
  /** Processor time for an event (put): of all servers together, and of the client. */
  readonly serversCpuUs?: number | undefined;
  readonly clientCpuUs?: number | undefined;
}

/** An operation from a function that gives a promise. */
export function promised(work: () => Promise<unknown>): Operation {
  return (done) => {
    work().then(() => done(), done);
  };
}

/**
 * A closed loop: `inFlight` operations are always under way, each replaced when it ends; first for the warm-up, then
 * measured. The first error ends it.
 */
export function drive(operation: Operation, plan: LoadPlan): Promise<Measured> {
  const histogram = build({ highestTrackableValue: LATENCY_MAX_US, numberOfSignificantValueDigits: 3 });
  const from = performance.now() + plan.warmUpMs;
  const to = from + plan.measureMs;
  const cpu = new CpuMeter(plan);
  let open = 0;
  let started = 0;
  let counted = 0;
  let ended = false;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      ended = true;
      clearTimeout(limit);
      reject(error);
    };
    const limit = setTimeout(
      () => fail(new Error(`${open} operations have not ended ${DRAIN_MS} ms after the measurement`)),
      plan.warmUpMs + plan.measureMs + DRAIN_MS,
    );
    const finish = () => {
      clearTimeout(limit);
      const units = counted * plan.unitsPerOperation;
      if (counted === 0) return reject(new Error('not one operation ended within the measured time'));
      resolve({
        rate: units / (plan.measureMs / 1000),
        p50Ms: histogram.getValueAtPercentile(50) / 1000,
        p99Ms: histogram.getValueAtPercentile(99) / 1000,
        maxMs: histogram.maxValue / 1000,
        units,
        ...cpu.perUnit(units),
      });
    };
    const next = () => {
      const begun = performance.now();
      if (begun >= to || started >= OPERATIONS_MAX) {
        ended = true;
        if (open === 0) finish();
        return;
      }
      open++;
      started++;
      operation((error) => {
        open--;
        if (error) return fail(error);
        const now = performance.now();
        if (now >= from && now < to) {
          counted++;
          histogram.recordValue(Math.max(1, Math.round((now - begun) * 1000)));
        }
        if (!ended) next();
        else if (open === 0) finish();
      });
    };
    for (let i = 0; i < plan.inFlight && !ended; i++) next();
  });
}

/** Takes the processes' times when the measured time begins and when it ends. */
class CpuMeter {
  private readonly pids: readonly (number | undefined)[];
  private begun: readonly [servers: number | undefined, client: number] | undefined;
  private ended: readonly [servers: number | undefined, client: number] | undefined;

  constructor({ serverPids, warmUpMs, measureMs }: LoadPlan) {
    this.pids = serverPids;
    setTimeout(() => (this.begun = this.read()), warmUpMs);
    setTimeout(() => (this.ended = this.read()), warmUpMs + measureMs).unref();
  }

  perUnit(units: number): Pick<Measured, 'serversCpuUs' | 'clientCpuUs'> {
    this.ended ??= this.read();
    const [servers, client] = this.begun ?? [];
    const [serversEnd, clientEnd] = this.ended;
    if (servers === undefined || serversEnd === undefined || client === undefined) return {};
    return { serversCpuUs: (serversEnd - servers) / units, clientCpuUs: (clientEnd - client) / units };
  }

  private read(): readonly [number | undefined, number] {
    const { user, system } = process.cpuUsage();
    return [cpuUsOf(this.pids), user + system];
  }
}
