import { type Spread, spread } from '../support/statistics.ts';
import type { Figure, Measured } from './result.ts';
import { largestServerMiB } from './usage.ts';

type Reading = 'value' | 'p50' | 'p99' | 'rssAnonMiB';

/** What a figure must reach: so many times another figure of the same run, or a figure of its own. */
export interface Floor {
  /** What is asked, in words. */
  readonly what: string;
  readonly figure: string;
  readonly reading?: Reading;
  /** A figure that it is divided by. */
  readonly against?: string;
  readonly least?: number;
  readonly most?: number;
  /** What is judged of the rounds; their median unless given. */
  readonly of?: 'median' | 'max';
}

export interface FloorResult extends Floor {
  readonly got: number;
  /** The same round by round. */
  readonly perRound: Spread;
  readonly reached: boolean;
}

export function judge(floors: readonly Floor[], figures: readonly Figure[]): FloorResult[] {
  return floors.flatMap((floor) => {
    const { figure, against, reading = 'value', least = 0, most = Number.POSITIVE_INFINITY, of = 'median' } = floor;
    const own = readings(figures, figure, reading);
    const other = against === undefined ? own.map(() => 1) : readings(figures, against, reading);
    if (own.length === 0 || other.length === 0) return [];
    const got = spread(own)[of] / spread(other)[of];
    const perRound = spread(own.map((value, i) => value / (other[i % other.length] as number)));
    return [{ ...floor, got, perRound, reached: got >= least && got <= most }];
  });
}

function readings(figures: readonly Figure[], name: string, reading: Reading): number[] {
  const rounds = figures.find((figure) => figure.name === name)?.rounds ?? [];
  return rounds.map((round) => readingOf(round, reading)).filter((value) => value !== undefined);
}

function readingOf({ value, latencyMs, processes }: Measured, reading: Reading): number | undefined {
  if (reading === 'value') return value;
  return reading === 'rssAnonMiB' ? largestServerMiB(processes) : latencyMs?.[reading];
}
