import type { Fault, ProgramDescription, ProgramLimits } from '../program.ts';
import type { PackedEvents } from './packed-events.ts';

/** What the worker is started with. */
export interface WorkerStart {
  readonly source: string;
  readonly limits: ProgramLimits;
  /** One number, which the worker raises now and then: a sign of life. */
  readonly alive: SharedArrayBuffer;
}

export type Request =
  /** A batch; answered by `missing` where states are needed first, else by `ran`. */
  | { readonly kind: 'batch'; readonly events: PackedEvents }
  /** The states that were asked for; undefined: there is none. Answered by `ran`. */
  | { readonly kind: 'states'; readonly states: readonly (readonly [string, Uint8Array | undefined])[] }
  /** All states that changed since the last time; answered by `settled`. */
  | { readonly kind: 'settle' }
  /** Lets go of all states; answered by `forgotten`. */
  | { readonly kind: 'forget' };

export type Answer =
  | { readonly kind: 'opened'; readonly description: ProgramDescription }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'missing'; readonly partitions: readonly string[] }
  /** `done` events of the batch are; the sandbox has forgotten the others. */
  | {
      readonly kind: 'ran';
      readonly done: number;
      readonly emissions: readonly EmissionRow[];
      readonly log: readonly string[];
    }
  | { readonly kind: 'settled'; readonly states: readonly SettledState[] }
  | { readonly kind: 'forgotten' }
  /** The call came to nothing, or only to the event before `at`. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly log: readonly string[] };

/** Partition, state, result (`same`: the state). */
export type SettledState = readonly [string, Uint8Array | null, Uint8Array | null | 'same'];

export interface EmissionRow {
  /** The index in its batch of the event that caused it. */
  readonly at: number;
  readonly ordinal: number;
  readonly kind: 'emit' | 'link' | 'copy';
  readonly stream: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata?: Uint8Array;
  readonly tags?: readonly string[];
  readonly link?: { readonly stream: string; readonly revision?: number; readonly position?: number };
}

export interface Failure {
  readonly kind: Fault['kind'];
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  /** The index in its batch of the event that failed. */
  readonly at: number;
}
