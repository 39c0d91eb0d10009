import { invalid } from '../base/errors.ts';
import { describe } from './arguments.ts';

/** What an upcaster is told of the event besides its data. */
export interface UpcastEvent {
  readonly type: string;
  readonly stream: string;
  readonly tags: readonly string[];
  /** The metadata, parsed as JSON; undefined where there is none. */
  readonly metadata: unknown;
  readonly created: Date;
}

/**
 * Makes the data of the next schema version out of this one's. It must not change what it is given, and gives the same
 * for the same event.
 */
// biome-ignore lint/suspicious/noExplicitAny: each step knows the shape of its own version.
export type Upcaster = (data: any, event: UpcastEvent) => unknown;

/**
 * For each event type, by the schema version from which it starts, the step to the version behind it: `{ OrderPlaced: {
 * 1: toVersion2, 2: toVersion3 } }`. Without a gap.
 */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcaster>>>>;

/** The steps of a type: those from `first` on, one behind the other. */
interface Chain {
  readonly first: number;
  readonly steps: readonly Upcaster[];
}

/** Brings the data of events, whatever their schema version, to the newest one that this program knows. */
export class Upcasting {
  private readonly chains: ReadonlyMap<string, Chain>;

  /** Ends in INVALID_ARGUMENT where a step is missing between two others, or is none. */
  constructor(upcasters: Upcasters = {}) {
    this.chains = new Map(Object.entries(upcasters).map(([type, steps]) => [type, chainOf(type, steps)]));
  }

  /** The version that the data has once it was brought up; an event that is newer than all steps stays as it is. */
  versionOf(type: string, stored: number): number {
    const chain = this.chains.get(type);
    return chain && stored >= chain.first ? Math.max(stored, chain.first + chain.steps.length) : stored;
  }

  data(stored: number, data: unknown, event: UpcastEvent): unknown {
    const chain = this.chains.get(event.type);
    if (!chain || stored < chain.first) return data;
    return chain.steps.slice(stored - chain.first).reduce((value, step) => step(value, event), data);
  }
}

export const NO_UPCASTING = new Upcasting();

function chainOf(type: string, steps: Readonly<Record<number, Upcaster>>): Chain {
  const field = `upcasters.${type}`;
  if (steps === null || typeof steps !== 'object') throw invalid(field, `steps are expected, not ${describe(steps)}`);
  const versions = Object.keys(steps).map(Number);
  versions.sort((a, b) => a - b);
  const [first = 1] = versions;
  if (!Number.isInteger(first) || first < 1)
    throw invalid(field, 'its steps are not named after schema versions from 1');
  versions.forEach((version, n) => {
    if (version !== first + n) throw invalid(field, `there is no step from version ${first + n} to ${first + n + 1}`);
    if (typeof steps[version] !== 'function') throw invalid(`${field}.${version}`, 'is not a function');
  });
  return { first, steps: versions.map((version) => steps[version] as Upcaster) };
}
