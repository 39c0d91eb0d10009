import type { FailoverResult } from '../factstore/failover.ts';
import type { Measured } from './load.ts';
import type { Machine } from './machine.ts';
import { type Spread, spread } from './statistics.ts';

/** One figure: the same load, once a round. */
export interface Figure {
  readonly name: string;
  readonly rounds: Measured[];
}

/** A figure that must be so many times another. */
export interface Floor {
  readonly figure: string;
  readonly against: string;
  readonly times: number;
}

export interface FloorResult extends Floor {
  /** The ratio of the medians. */
  readonly ratio: number;
  /** The same round by round. */
  readonly perRound: Spread;
  readonly verdict: 'PASS' | 'BELOW';
}

export interface Report {
  readonly suite: string;
  readonly startedAt: string;
  readonly machine: Machine;
  readonly etcdVersion: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The load average when each round began, and at the end. */
  readonly loadAverages: readonly number[];
  readonly figures: readonly Figure[];
  readonly floors: readonly FloorResult[];
  readonly failover: FailoverResult | undefined;
}

export function judge(floors: readonly Floor[], figures: readonly Figure[]): FloorResult[] {
  return floors.flatMap((floor) => {
    const own = figures.find((figure) => figure.name === floor.figure)?.rounds;
    const other = figures.find((figure) => figure.name === floor.against)?.rounds;
    if (!own?.length || !other?.length) return [];
    const rate = (rounds: readonly Measured[]) => spread(rounds.map((round) => round.rate)).median;
    const ratio = rate(own) / rate(other);
    const perRound = spread(own.map((round, i) => round.rate / (other[i]?.rate ?? Number.NaN)));
    return [{ ...floor, ratio, perRound, verdict: ratio >= floor.times ? 'PASS' : 'BELOW' } as const];
  });
}

const count = (n: number) => Math.round(n).toLocaleString('en-US');
const ms = (n: number) => (n < 10 ? n.toFixed(2) : n.toFixed(n < 100 ? 1 : 0));
const ratio = (n: number) => `${n.toFixed(2)} ×`;
const range = ({ min, max }: Spread, show: (n: number) => string) => `${show(min)} – ${show(max)}`;

/** The report for people. */
export function reportText(report: Report): string {
  const parts = [head(report)];
  if (report.figures.length > 0) parts.push(figuresTable(report.figures));
  if (report.etcdVersion !== undefined && report.floors.length > 0) parts.push(floorsTable(report.floors));
  if (report.failover) parts.push(failoverText(report.failover));
  return parts.join('\n\n');
}

function head({ machine, settings, loadAverages, etcdVersion, startedAt }: Report): string {
  const { cores, cpu, memoryGiB, node, kernel, fsyncMs, commit } = machine;
  return [
    `${startedAt}, factstore ${commit}, etcd ${etcdVersion ?? 'none'}, Node ${node}`,
    `${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}; 4 KiB written and synced: ${ms(fsyncMs.median)} ms (${range(fsyncMs, ms)})`,
    `load average while measuring: ${loadAverages.map((load) => load.toFixed(1)).join(', ')}`,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
  ].join('\n');
}

function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, rounds }) => {
    const rate = spread(rounds.map((round) => round.rate));
    const medianOf = (key: 'p50Ms' | 'p99Ms' | 'serversCpuUs' | 'clientCpuUs', show = ms) => {
      const values = rounds.map((round) => round[key]).filter((value) => value !== undefined);
      return values.length === 0 ? '' : show(spread(values).median);
    };
    const cpu = (key: 'serversCpuUs' | 'clientCpuUs') => medianOf(key, (us) => us.toFixed(us < 10 ? 1 : 0));
    const cells = [medianOf('p50Ms'), medianOf('p99Ms'), cpu('serversCpuUs'), cpu('clientCpuUs')];
    return [name, count(rate.median), range(rate, count), ...cells];
  });
  return table(['figure', 'events/s', 'min – max', 'p50 ms', 'p99 ms', 'cpu µs: servers', 'client'], rows);
}

function floorsTable(floors: readonly FloorResult[]): string {
  const rows = floors.map((floor) => [
    `${floor.figure} / ${floor.against}`,
    ratio(floor.ratio),
    range(floor.perRound, ratio),
    `≥ ${floor.times} ×`,
    floor.verdict,
  ]);
  return table(['beside etcd', 'medians', 'round by round', 'floor', ''], rows);
}

function failoverText({ gapsMs, quietGapsMs, errors }: FailoverResult): string {
  const gap = spread(gapsMs);
  const quiet = spread(quietGapsMs);
  const failed = errors.length === 0 ? 'no append failed' : `${errors.length} appends failed, the first: ${errors[0]}`;
  return [
    `failover: the longest gap of an appending SDK client after SIGKILL of the leader, ${gapsMs.length} kills:`,
    `  ${count(gap.median)} ms (${range(gap, count)}); ${failed}; floor < 2,000 ms: ${gap.median < 2000 ? 'PASS' : 'BELOW'}`,
    `  before the kills the longest gap in 2 s was ${count(quiet.median)} ms (${range(quiet, count)})`,
  ].join('\n');
}

/** Columns; the first to the left, the others to the right. */
function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [names, ...rows];
  const widths = names.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ');
  return all.map((row) => line(row).trimEnd()).join('\n');
}
