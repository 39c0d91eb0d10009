import type { Bench } from './bench.ts';
import { drive, type Operation, type Shape } from './load.ts';
import type { BenchOptions } from './options.ts';
import type { Measured, SystemName } from './result.ts';
import { driveScan, type Scan } from './scan.ts';
import type { Process } from './usage.ts';

/** What is measured: a cluster that runs, perhaps filled already. */
export interface System {
  readonly servers: readonly Process[];
  /** A counter of its own that grows with what is written: it must agree with what the load says. */
  written?(): Promise<number>;
}

/** How a system comes into being; it is started once, when the first scenario on it is prepared. */
export interface Fixture<S extends System> {
  readonly system: SystemName;
  start(bench: Bench): Promise<S>;
}

export interface Scenario {
  readonly name: string;
  readonly system: SystemName;
  /** Of its value. */
  readonly unit: string;
  /** Makes everything ready, so that the function it gives measures and does nothing else. */
  prepare(bench: Bench): Promise<() => Promise<Measured>>;
}

/** Scenarios that are measured side by side: in rounds, each of which measures every one once, so that noise hits all alike. */
export interface Group {
  readonly name: string;
  scenarios(options: BenchOptions): readonly Scenario[];
  /** How often each is measured, where that is not what the options say for all. */
  rounds?(options: BenchOptions): { readonly heat: number; readonly rounds: number };
}

interface LoadSpec<S extends System> {
  readonly name: string;
  readonly on: Fixture<S>;
  readonly shape: Shape;
  /** Events that one operation writes or reads; 1 unless given. */
  readonly units?: number;
  readonly unit?: string;
  operation(system: S, bench: Bench): Operation | Promise<Operation>;
}

/** One operation again and again, in a closed or an open loop. */
export function load<S extends System>({ name, on, shape, units = 1, unit, operation }: LoadSpec<S>): Scenario {
  return {
    name,
    system: on.system,
    unit: unit ?? 'events/s',
    prepare: async (bench) => {
      const system = await bench.use(on);
      const work = await operation(system, bench);
      return async () => {
        const before = await system.written?.();
        const result = await drive(work, { ...bench.times, shape, units, servers: system.servers });
        const after = await system.written?.();
        const { written, ...measured } = result;
        if (before !== undefined && after !== undefined && after - before !== written) {
          throw new Error(`${name}: ${written} writes were acknowledged, and the system counts ${after - before}`);
        }
        return measured;
      };
    },
  };
}

interface ScanSpec<S extends System> {
  readonly name: string;
  readonly on: Fixture<S>;
  readonly unit?: string;
  scan(system: S, bench: Bench): Scan | Promise<Scan>;
  /** What a whole scan comes to. */
  expected(system: S): number;
}

/** One reader that reads all there is, again and again. */
export function scanned<S extends System>({ name, on, unit, scan, expected }: ScanSpec<S>): Scenario {
  return {
    name,
    system: on.system,
    unit: unit ?? 'events/s',
    prepare: async (bench) => {
      const system = await bench.use(on);
      const work = await scan(system, bench);
      const plan = { ...bench.times, expected: expected(system), servers: system.servers };
      return () => driveScan(work, plan);
    },
  };
}
