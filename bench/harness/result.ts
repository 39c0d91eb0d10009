import { build, type Histogram } from 'hdr-histogram-js';
import type { ProcessUsage } from './usage.ts';

/** Latencies are recorded in microseconds. */
const LATENCY_MAX_US = 120_000_000;

/** In milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What one round of a scenario gave. */
export interface Measured {
  /** In the scenario's unit. */
  readonly value: number;
  /** How many events (puts, rows, kills) are behind it. */
  readonly units: number;
  readonly latencyMs?: Latency | undefined;
  /** What each process spent meanwhile. */
  readonly processes?: readonly ProcessUsage[] | undefined;
  /** Further readings of the same round, by name. */
  readonly also?: Readonly<Record<string, number>> | undefined;
}

export type SystemName = 'factstore' | 'etcd' | 'nats' | 'raw';

/** All counted rounds of one scenario. */
export interface Figure {
  readonly group: string;
  readonly name: string;
  readonly system: SystemName;
  readonly unit: string;
  readonly rounds: Measured[];
}

/** Takes latencies in microseconds. */
export function latencies(): Histogram {
  return build({ highestTrackableValue: LATENCY_MAX_US, numberOfSignificantValueDigits: 3 });
}

/** Of a histogram of microseconds. */
export function latencyOf(histogram: Histogram): Latency {
  const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: ms(50), p90: ms(90), p99: ms(99), p999: ms(99.9), max: histogram.maxValue / 1000 };
}
