import type { Machine } from '../support/machine.ts';
import { type Spread, spread } from '../support/statistics.ts';
import type { FloorResult } from './floors.ts';
import type { Figure, Latency, Measured } from './result.ts';
import { clientOf, largestServerMiB, serversOf } from './usage.ts';

/** What a run leaves behind. */
export interface Report {
  readonly startedAt: string;
  readonly machine: Machine;
  /** The versions of the programs that factstore was measured beside; undefined: it was not. */
  readonly peers: Readonly<Record<'etcd' | 'nats', string | undefined>>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The load average when each round began, and at the end. */
  readonly loadAverages: readonly number[];
  readonly figures: readonly Figure[];
  readonly floors: readonly FloorResult[];
}

export interface Table {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const count = (n: number) => Math.round(n).toLocaleString('en-US');
export const ms = (n: number) => (n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : count(n));
const range = ({ min, max }: Spread, show: (n: number) => string) => `${show(min)} – ${show(max)}`;

/** How values of a unit are shown. */
export function shown(unit: string): (n: number) => string {
  return unit === 'ms' || unit === 's' || unit === '×' ? ms : count;
}

/** The report for people, on a terminal. */
export function reportText(report: Report): string {
  const parts = [head(report).join('\n'), ...groupsOf(report).map((figures) => plain(figuresTable(figures)))];
  if (report.floors.length > 0) parts.push(plain(floorsTable(report.floors)));
  return parts.join('\n\n');
}

/** Where, when and on what it was measured, a line each. */
export function head({ machine, peers, settings, loadAverages, startedAt }: Report): string[] {
  const { cores, cpu, memoryGiB, node, kernel, fsyncMs, commit } = machine;
  const others = `etcd ${peers.etcd ?? 'none'}, NATS ${peers.nats ?? 'none'}`;
  return [
    `${startedAt}, factstore ${commit}, ${others}, Node ${node}`,
    `${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}; 4 KiB written and synced: ${ms(fsyncMs.median)} ms (${range(fsyncMs, ms)})`,
    `load average while measuring: ${range(spread(loadAverages), (load) => load.toFixed(1))}`,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
  ];
}

/** The figures of each group, in the order of the run. */
export function groupsOf({ figures }: Pick<Report, 'figures'>): Figure[][] {
  const names = [...new Set(figures.map(({ group }) => group))];
  return names.map((name) => figures.filter(({ group, rounds }) => group === name && rounds.length > 0));
}

export function figuresTable(figures: readonly Figure[]): Table {
  const names = [
    ...[figures[0]?.group ?? '', 'unit', 'median', 'min – max'],
    ...['p50 ms', 'p90', 'p99', 'p99.9', 'max'],
    ...['CPU µs: servers', 'client', 'RssAnon MiB', 'bytes written', 'also'],
  ];
  return { names, rows: figures.map(figureRow) };
}

function figureRow({ name, unit, rounds }: Figure): string[] {
  const value = spread(rounds.map((round) => round.value));
  const show = shown(unit);
  const latency = (key: keyof Latency) =>
    medianOf(
      rounds.map(({ latencyMs }) => latencyMs?.[key]),
      ms,
    );
  const servers = rounds.map(({ processes }) => serversOf(processes));
  const sum = (key: 'cpuUsPerUnit' | 'writtenBytesPerUnit') =>
    servers.map((all) => (all.length === 0 ? undefined : all.reduce((total, process) => total + process[key], 0)));
  const us = (n: number) => n.toFixed(n < 10 ? 1 : 0);
  return [
    ...[name, unit, show(value.median), range(value, show)],
    ...(['p50', 'p90', 'p99', 'p999', 'max'] as const).map(latency),
    medianOf(sum('cpuUsPerUnit'), us),
    medianOf(
      rounds.map(({ processes }) => clientOf(processes)?.cpuUsPerUnit),
      us,
    ),
    medianOf(
      rounds.map(({ processes }) => largestServerMiB(processes)),
      count,
    ),
    medianOf(sum('writtenBytesPerUnit'), count),
    alsoOf(rounds),
  ];
}

function alsoOf(rounds: readonly Measured[]): string {
  const names = Object.keys(rounds[0]?.also ?? {});
  return names
    .map(
      (name) =>
        `${name}: ${medianOf(
          rounds.map(({ also }) => also?.[name]),
          ms,
        )}`,
    )
    .join('; ');
}

function medianOf(values: readonly (number | undefined)[], show: (n: number) => string): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '' : show(spread(known).median);
}

export function floorsTable(floors: readonly FloorResult[]): Table {
  const rows = floors.map((floor) => {
    const { what, figure, against, least, most, got, perRound, reached } = floor;
    const show = (n: number) => (against === undefined ? ms(n) : `${n.toFixed(2)} ×`);
    const asked = least !== undefined ? `≥ ${show(least)}` : `≤ ${show(most as number)}`;
    const of = against === undefined ? figure : `${figure} / ${against}`;
    return [what, of, asked, show(got), range(perRound, show), reached ? 'reached' : 'BELOW'];
  });
  return { names: ['floor', 'figures', 'asked', 'median', 'round by round', ''], rows };
}

/** Columns; the first to the left, the others to the right. */
function plain({ names, rows }: Table): string {
  const all = [names, ...rows];
  const widths = names.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ');
  return all.map((row) => line(row).trimEnd()).join('\n');
}

/** As wide as its cells, which is how the formatter of this repository wants it. */
export function markdown({ names, rows }: Table): string {
  const all = [names, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = names.map((_, i) => Math.max(3, ...all.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const aligned = all.map((row) =>
    line(widths.map((width, i) => (i === 0 ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width)))),
  );
  const rule = line(widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)));
  return [aligned[0], rule, ...aligned.slice(1)].join('\n');
}
