import { bars, curves, type Series } from '../harness/charts.ts';
import { ms, shown } from '../harness/report.ts';
import type { Figure, Measured, SystemName } from '../harness/result.ts';
import { spread } from '../support/statistics.ts';

interface Rung {
  readonly figure: Figure;
  readonly inFlight: number;
}

export interface Plot {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

const COLOURS: Readonly<Record<SystemName, string>> = {
  factstore: '#1f77b4',
  etcd: '#d62728',
  nats: '#2ca02c',
  raw: '#7f7f7f',
};

/** Figures whose names are "… × N", and differ in N alone. */
const LADDERS = [
  { name: 'factstore, SDK', of: 'sdk', colour: COLOURS.factstore },
  { name: 'factstore, unary', of: 'unary', colour: '#9ecae1' },
  { name: 'etcd put', of: 'etcd put', colour: COLOURS.etcd },
  { name: 'JetStream R3, unsynced', of: 'jetstream', colour: COLOURS.nats },
];

/** What can be drawn of the figures. */
export function plotsOf(figures: readonly Figure[]): Plot[] {
  const plots: Plot[] = [];
  const add = (file: string, title: string, svg: string | undefined) => {
    if (svg !== undefined) plots.push({ file, title, svg });
  };
  const rate = 'Appends of one event';
  add(
    'append-rate',
    rate,
    ladder(figures, rate, 'a second', ({ value }) => value),
  );
  const latency = 'Appends of one event: latency, p99';
  add(
    'append-latency',
    latency,
    ladder(figures, latency, 'ms', ({ latencyMs }) => latencyMs?.p99),
  );
  const drawnAbove = new Set(LADDERS.flatMap(({ of }) => rungs(figures, of)).map(({ figure }) => figure));
  for (const group of new Set(figures.map((figure) => figure.group))) {
    const others = figures.filter((figure) => figure.group === group && !drawnAbove.has(figure));
    // What has another unit (ms, bytes) is another axis.
    for (const axis of new Set(others.map(({ unit }) => axisOf(unit)))) {
      const drawn = others.filter(({ unit, rounds }) => axisOf(unit) === axis && rounds.length > 0);
      const title = `${group}: ${axis}`;
      if (drawn.length > 1) add(`${group}-${axis.replaceAll(/[^a-z]+/g, '-')}`, title, barsOf(title, axis, drawn));
    }
  }
  return plots;
}

function ladder(
  figures: readonly Figure[],
  title: string,
  unit: string,
  reading: (round: Measured) => number | undefined,
): string | undefined {
  const series = LADDERS.map(({ name, of, colour }): Series => {
    const points = rungs(figures, of).flatMap(({ figure, inFlight }) => {
      const values = figure.rounds.map(reading).filter((value) => value !== undefined);
      return values.length === 0 ? [] : [[inFlight, spread(values)] as const];
    });
    return { name, colour, points };
  }).filter(({ points }) => points.length > 1);
  return series.length === 0 ? undefined : curves(title, 'in flight', unit, series);
}

function rungs(figures: readonly Figure[], of: string): Rung[] {
  return figures.flatMap((figure) => {
    const [name, inFlight] = figure.name.split(' × ');
    return name === of && /^\d+$/.test(inFlight ?? '') ? [{ figure, inFlight: Number(inFlight) }] : [];
  });
}

function axisOf(unit: string): string {
  return unit.endsWith('/s') ? 'a second' : unit;
}

function barsOf(title: string, axis: string, figures: readonly Figure[]): string {
  const all = figures.map(({ name, system, unit, rounds }) => {
    const value = spread(rounds.map((round) => round.value));
    return {
      name,
      colour: COLOURS[system],
      value,
      label: axis === 'a second' ? shown(unit)(value.median) : ms(value.median),
    };
  });
  return bars(title, axis, all);
}
