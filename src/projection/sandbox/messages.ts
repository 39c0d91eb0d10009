import type { Fault, ProgramDescription, ProgramLimits } from '../program.ts';
import type { PackedEvents } from './packed-events.ts';

/** What the worker is started with. */
export interface WorkerStart {
  /** What the worker tells of itself, without being asked: see `Sign`. */
  readonly signs: SharedArrayBuffer;
}

/** Numbers of 32 bits: one that is raised now and then, as a sign of life, and the sandbox's memory in KiB. */
export const Sign = { alive: 0, memoryKiB: 1 } as const;
export const SIGNS = 2;

export type Request =
  /** A projection in a sandbox of its own; what was open before is gone. Answered by `opened` or `refused`. */
  | { readonly kind: 'open'; readonly source: string; readonly limits: ProgramLimits }
  /** A batch; answered by `missing` where states are needed first, else by `ran`. `settles`: with the states that it leaves. */
  | { readonly kind: 'batch'; readonly events: PackedEvents; readonly settles: boolean }
  /** The states that were asked for; undefined: there is none. Answered by `ran`. */
  | { readonly kind: 'states'; readonly states: readonly (readonly [string, Uint8Array | undefined])[] }
  /** All states that changed since the last time; answered by `settled`. */
  | { readonly kind: 'settle' }
  /** Lets go of all states; answered by `forgotten`. */
  | { readonly kind: 'forget' }
  /** Lets go of the projection; answered by `closed`. */
  | { readonly kind: 'close' };

export type Answer =
  | { readonly kind: 'opened'; readonly description: ProgramDescription }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'missing'; readonly partitions: readonly string[] }
  /** `done` events of the batch are; the sandbox has forgotten the others. */
  | {
      readonly kind: 'ran';
      readonly done: number;
      /** Whether states have grown so much that they are to be settled first. */
      readonly grown: boolean;
      readonly rows: WrittenRows;
      /** Of each row data and metadata. */
      readonly texts: PackedTexts;
      readonly log: readonly string[];
      /** Where that was asked for and all events are done: to ask for it on its own costs as much as to handle ten events. */
      readonly settled?: Settlement;
    }
  | Settled
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'closed' }
  | Failed;

/** What became of the states that had changed. */
export type Settlement = Settled | Failed;

/** In `rows` partition, length of the state, length of the result; in `texts` state and result of each. */
interface Settled {
  readonly kind: 'settled';
  readonly rows: readonly (string | number)[];
  readonly texts: PackedTexts;
}

/** The call came to nothing, or only to the event before `at`. */
interface Failed {
  readonly kind: 'failed';
  readonly failure: Failure;
  readonly log: readonly string[];
}

/** Of texts that there are not, and of results that are the state. */
export const NONE = -1;
export const SAME = -2;

/** Texts in UTF-8, one behind the other, and where each ends. */
export interface PackedTexts {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: Float64Array<ArrayBuffer>;
}

/** The bytes of one of them: a view of all. */
export function textAt({ bytes, ends }: PackedTexts, index: number): Uint8Array {
  return bytes.subarray(ends[index - 1] ?? 0, ends[index]);
}

/**
 * The values of emissions, one behind the other, as `write` in language/emissions.js has them: the index in its batch of
 * the event that caused it, which of that event's emissions it is, what it is, to which stream, of which type, the lengths
 * of data and metadata, tags, and what is linked: stream, revision, position; of a result, the partition.
 */
export type WrittenRows = readonly (number | string | readonly string[] | null)[];

export const ROW_VALUES = 11;

export type WrittenRow = readonly [
  at: number,
  ordinal: number,
  kind: 'emit' | 'link' | 'copy' | 'result',
  stream: string,
  type: string,
  dataLength: number,
  metadataLength: number,
  tags: readonly string[] | null,
  linked: string | null,
  revision: number,
  position: number,
];

export function writtenRow(rows: WrittenRows, index: number): WrittenRow {
  return rows.slice(index * ROW_VALUES, (index + 1) * ROW_VALUES) as unknown as WrittenRow;
}

export interface Failure {
  readonly kind: Fault['kind'];
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  /** The index in its batch of the event that failed. */
  readonly at: number;
}
