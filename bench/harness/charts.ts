import { document, line, rect, rule, text } from '../../test/support/svg.ts';
import type { Spread } from '../support/statistics.ts';

const WIDTH = 900;
const MARGIN = { left: 80, right: 200, top: 60, bottom: 50 };
const PANEL = 340;
const BAR = 18;
const BAR_NAMES = 300;
const GRID = '#dddddd';

/** Values over something that grows in multiples: both axes are logarithmic. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: Spread])[];
}

export interface Bar {
  readonly name: string;
  readonly colour: string;
  readonly value: Spread;
  readonly label: string;
}

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** A line for each series through the medians, with the spread of each point. */
export function curves(title: string, xName: string, yName: string, series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points);
  const right = WIDTH - MARGIN.right;
  const bottom = MARGIN.top + PANEL;
  const x = logarithmic(
    points.map(([value]) => value),
    MARGIN.left,
    right,
  );
  const y = logarithmic(
    points.flatMap(([, { min, max }]) => [min, max]),
    bottom,
    MARGIN.top,
  );
  return document(title, WIDTH, bottom + MARGIN.bottom, [
    text(MARGIN.left, 24, title, 'font-size="16"'),
    text(MARGIN.left, MARGIN.top - 10, yName),
    text((MARGIN.left + right) / 2, bottom + 40, xName, 'text-anchor="middle"'),
    ...y.ticks.flatMap((tick) => [
      rule([MARGIN.left, y.at(tick)], [right, y.at(tick)], GRID),
      text(MARGIN.left - 8, y.at(tick) + 4, short(tick), 'text-anchor="end"'),
    ]),
    ...[...new Set(points.map(([value]) => value))].map((value) =>
      text(x.at(value), bottom + 20, short(value), 'text-anchor="middle"'),
    ),
    ...series.flatMap(({ name, colour, points }, i) => [
      line(
        points.map(([at, { median }]) => [x.at(at), y.at(median)]),
        colour,
      ),
      ...points.map(([at, { min, max }]) => rule([x.at(at), y.at(min)], [x.at(at), y.at(max)], colour)),
      rect(right + 16, MARGIN.top + i * 22, 14, 14, colour),
      text(right + 36, MARGIN.top + i * 22 + 11, name),
    ]),
  ]);
}

/** A bar for each figure up to its median, with its spread, on a logarithmic axis. */
export function bars(title: string, unit: string, all: readonly Bar[]): string {
  const right = WIDTH - MARGIN.right;
  const bottom = MARGIN.top + all.length * (BAR + 8);
  const x = logarithmic(
    all.flatMap(({ value }) => [value.min, value.max]),
    BAR_NAMES,
    right,
  );
  return document(title, WIDTH, bottom + MARGIN.bottom, [
    text(16, 24, title, 'font-size="16"'),
    ...x.ticks.flatMap((tick) => [
      rule([x.at(tick), MARGIN.top - 6], [x.at(tick), bottom], GRID),
      text(x.at(tick), bottom + 16, short(tick), 'text-anchor="middle"'),
    ]),
    text((BAR_NAMES + right) / 2, bottom + 36, unit, 'text-anchor="middle"'),
    ...all.flatMap(({ name, colour, value: { median, min, max }, label }, i) => {
      const top = MARGIN.top + i * (BAR + 8);
      const middle = top + BAR / 2;
      return [
        text(BAR_NAMES - 8, middle + 4, name, 'text-anchor="end"'),
        rect(BAR_NAMES, top, x.at(median) - BAR_NAMES, BAR, colour, 0.7),
        rule([x.at(min), middle], [x.at(max), middle], '#000000'),
        text(Math.max(x.at(median), x.at(max)) + 8, middle + 4, label),
      ];
    }),
  ]);
}

/** From the power of ten below the least value to the one above the greatest. */
function logarithmic(values: readonly number[], from: number, to: number): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const at = (value: number) => from + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (to - from);
  return { ticks, at };
}

function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000} M`;
  return value >= 10_000 ? `${value / 1_000} k` : String(Number(value.toPrecision(3)));
}
