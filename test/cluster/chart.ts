import { document, escaped, line, rect, rule, text } from '../support/svg.ts';
import type { Operation } from './history.ts';
import type { FaultWindow } from './nemesis.ts';

const WIDTH = 1_200;
const PANEL = 220;
const MARGIN = { left: 70, right: 20, top: 50, between: 40, bottom: 60 };
const HEIGHT = MARGIN.top + 2 * PANEL + MARGIN.between + MARGIN.bottom;

const COLOURS: Readonly<Record<string, string>> = {
  kill: '#d62728',
  pause: '#ff7f0e',
  partition: '#1f77b4',
  succession: '#e377c2',
  rolling: '#2ca02c',
  disk: '#8c564b',
  sync: '#9467bd',
  clock: '#17becf',
};

/** One second of a run. */
interface Second {
  appends: number;
  reads: number;
  readonly latenciesMs: number[];
}

interface Scale {
  readonly fromMs: number;
  readonly seconds: number;
}

/** Throughput and latency over time, with the times shaded in which something was wrong, as an SVG. */
export function chart(title: string, operations: readonly Operation[], windows: readonly FaultWindow[]): string {
  const fromMs = operations.reduce((least, { invokedMs }) => Math.min(least, invokedMs), Number.POSITIVE_INFINITY);
  const toMs = operations.reduce((most, { returnedMs }) => Math.max(most, returnedMs), fromMs);
  const scale = { fromMs, seconds: Math.max(1, Math.ceil((toMs - fromMs) / 1000)) };
  const seconds = bySecond(operations, scale);
  const top = MARGIN.top;
  const below = top + PANEL + MARGIN.between;
  return document(title, WIDTH, HEIGHT, [
    text(MARGIN.left, 24, title, 'font-size="16"'),
    ...windows.map((window) => shade(window, scale)),
    ...throughputPanel(seconds, scale, top),
    ...latencyPanel(seconds, scale, below),
    ...timeAxis(scale, below + PANEL),
    ...legend(windows),
  ]);
}

function bySecond(operations: readonly Operation[], { fromMs, seconds }: Scale): Second[] {
  const all = Array.from({ length: seconds }, (): Second => ({ appends: 0, reads: 0, latenciesMs: [] }));
  for (const { kind, outcome, invokedMs, returnedMs } of operations) {
    const second = all[Math.min(seconds - 1, Math.floor((returnedMs - fromMs) / 1000))] as Second;
    if (outcome.kind === 'appended') {
      second.appends++;
      second.latenciesMs.push(returnedMs - invokedMs);
    }
    if (kind === 'read' && outcome.kind === 'read') second.reads++;
  }
  return all;
}

function throughputPanel(seconds: readonly Second[], scale: Scale, top: number): string[] {
  const most = Math.max(10, ...seconds.map(({ appends, reads }) => Math.max(appends, reads)));
  const y = (value: number) => top + PANEL - (value / most) * PANEL;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(most * part));
  return [
    ...valueAxis('successes a second', ticks, y),
    line(
      seconds.map(({ reads }, n) => [x(n + 0.5, scale), y(reads)]),
      '#888888',
    ),
    line(
      seconds.map(({ appends }, n) => [x(n + 0.5, scale), y(appends)]),
      '#000000',
    ),
    text(WIDTH - 130, top - 6, 'appends', 'fill="#000000"'),
    text(WIDTH - 70, top - 6, 'reads', 'fill="#888888"'),
  ];
}

/** Logarithmic, from 1 ms to 30 s. A second without a success has no point. */
function latencyPanel(seconds: readonly Second[], scale: Scale, top: number): string[] {
  const most = Math.log10(30_000);
  const y = (ms: number) => top + PANEL - (Math.log10(Math.min(30_000, Math.max(1, ms))) / most) * PANEL;
  const points = (part: number) =>
    seconds.flatMap(({ latenciesMs }, n): [number, number][] =>
      latenciesMs.length === 0 ? [] : [[x(n + 0.5, scale), y(quantile(latenciesMs, part))]],
    );
  return [
    ...valueAxis('latency of appends, ms', [1, 10, 100, 1_000, 10_000], y),
    line(points(0.99), '#d62728'),
    line(points(0.5), '#000000'),
    text(WIDTH - 130, top - 6, 'median', 'fill="#000000"'),
    text(WIDTH - 70, top - 6, '99 %', 'fill="#d62728"'),
  ];
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
}

/** Dark until the fault was healed, light until the cluster had recovered. */
function shade({ kinds, what, fromMs, healedMs, recoveredMs }: FaultWindow, scale: Scale): string {
  const at = (ms: number) => x((ms - scale.fromMs) / 1000, scale);
  const height = 2 * PANEL + MARGIN.between;
  const parts = kinds.map((kind, n) => {
    const y = MARGIN.top + (height * n) / kinds.length;
    const band = (from: number, to: number, opacity: number) =>
      rect(at(from), y, at(to) - at(from), height / kinds.length, colour(kind), opacity);
    return band(fromMs, healedMs, 0.3) + band(healedMs, recoveredMs, 0.12);
  });
  return `<g><title>${escaped(what)}</title>${parts.join('')}</g>`;
}

function legend(windows: readonly FaultWindow[]): string[] {
  const kinds = [...new Set(windows.flatMap((window) => window.kinds))];
  return kinds.flatMap((kind, n) => {
    const left = MARGIN.left + n * 110;
    const y = HEIGHT - 22;
    return [rect(left, y, 14, 14, colour(kind), 0.4), text(left + 20, y + 11, kind)];
  });
}

function timeAxis(scale: Scale, y: number): string[] {
  const step = [5, 10, 15, 30, 60, 120, 300, 600].find((each) => scale.seconds / each <= 16) ?? 1_200;
  const marks = Array.from({ length: Math.floor(scale.seconds / step) + 1 }, (_, n) => n * step);
  return marks.map((second) => text(x(second, scale), y + 18, `${second} s`, 'text-anchor="middle"'));
}

function valueAxis(name: string, ticks: readonly number[], y: (value: number) => number): string[] {
  const top = Math.min(...ticks.map(y));
  return [
    text(MARGIN.left, top - 6, name),
    ...ticks.flatMap((tick) => [
      rule([MARGIN.left, y(tick)], [WIDTH - MARGIN.right, y(tick)], '#dddddd'),
      text(MARGIN.left - 6, y(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
  ];
}

function x(second: number, { seconds }: Scale): number {
  return MARGIN.left + (second / seconds) * (WIDTH - MARGIN.left - MARGIN.right);
}

function colour(kind: string): string {
  return COLOURS[kind] ?? '#777777';
}
