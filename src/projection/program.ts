import type { FactstoreError } from '../base/errors.ts';
import { openSandboxedProgram } from './sandbox/sandboxed-program.ts';

/**
 * A projection's source, run in a sandbox: what the runner feeds with events, and gets states and emissions from. The
 * language is described in GUIDE.md, the sandbox in sandbox/DESIGN.md.
 */
export interface Program {
  readonly description: ProgramDescription;
  /** How much memory its sandbox has taken. */
  readonly memoryBytes: number;
  /**
   * Handles a batch in order; calls must not overlap. A failed event leaves no trace, neither in states nor in emissions.
   *
   * It may do fewer events than it was given, also without a fault, where what it holds for them grows large: call it
   * again with the rest. `processed` is 0 only for an empty batch or with a fault.
   *
   * `loadStates` is asked for the partitions that the program does not hold, perhaps several times. It gives each one's
   * state as the outcomes so far have it (also those that are not yet in the store), and leaves out those without.
   * After a fault the program can go on: with the events behind the failed one, or with it again. After a limit it does
   * so in a fresh sandbox.
   */
  process(events: readonly ProgramEvent[], loadStates: LoadStates): Promise<BatchOutcome>;
  close(): Promise<void>;
}

/** A program that can forget all but its source. */
export interface RestartableProgram extends Program {
  /** Goes on in a fresh sandbox: what handlers may have remembered outside of states is gone, and states are loaded anew. */
  restart(): Promise<void>;
}

export type LoadStates = (partitions: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/** What a projection's source says of itself, found by running its top level once. */
export interface ProgramDescription {
  readonly source: ProgramSource;
  /** `stream`: foreachStream; `function`: partitionBy. */
  readonly partitioning: 'none' | 'stream' | 'function';
  /** Which types of events have a handler: all others may be left out, or given; they change nothing. */
  readonly handledTypes: readonly string[] | 'any';
  /** Whether it wants to know of streams that were deleted. */
  readonly handlesDeleted: boolean;
  /** Whether partitions share a state ($initShared), which is kept under SHARED_STATE. */
  readonly sharesState: boolean;
  /** Whether results are anything else than states (transformBy, filterBy). */
  readonly transforms: boolean;
  /** Whether results are to be written to a stream (outputState, outputTo). */
  readonly outputsState: boolean;
  /** Whether the source names a word that writes events: emit, linkTo, linkStreamTo, copyTo. */
  readonly emits: boolean;
  readonly options: ProgramOptions;
}

export type ProgramSource =
  | { readonly kind: 'all' }
  | { readonly kind: 'streams'; readonly streams: readonly string[] }
  | { readonly kind: 'categories'; readonly categories: readonly string[] }
  | { readonly kind: 'query'; readonly types: readonly string[]; readonly tags: readonly string[] };

export interface ProgramOptions {
  /** Where results go to, if not to the stream that is named after the projection. */
  readonly resultStreamName?: string;
  /** Where a partition's results go to; `{0}` stands for the partition. */
  readonly partitionResultStreamNamePattern?: string;
  /** Whether the projection is given what it has emitted itself. */
  readonly includeOwnEmissions?: boolean;
  /** Whether links in the source are followed to the events that they name. */
  readonly $includeLinks?: boolean;
}

export interface ProgramEvent {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  /** A UUID's 16 bytes. */
  readonly id: Uint8Array;
  readonly type: string;
  readonly data: Uint8Array;
  /** Empty means JSON. */
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly tags: readonly string[];
  /** Microseconds since 1970. */
  readonly created: bigint;
  /** `deleted`: not an event of the stream, but that it was hidden as a whole; of the rest, what is not known is empty. */
  readonly kind?: 'event' | 'deleted';
}

/** The reserved partition of the state that all partitions share; no other partition's name begins with that character. */
export const SHARED_STATE = '\u0000shared';

export interface Emission {
  /** Of the event that caused it. */
  readonly position: bigint;
  /** Which of that event's emissions it is, from 0. */
  readonly ordinal: number;
  readonly kind: 'emit' | 'link';
  /** Empty for a result: its name depends on the projection's. */
  readonly stream: string;
  /** Of a link `$>`, of a link to a whole stream `$@`. */
  readonly type: string;
  /** Of a link, as text, `revision@stream` or the stream. */
  readonly data: Uint8Array;
  /** Undefined: JSON. */
  readonly contentType?: string;
  readonly metadata?: Uint8Array;
  readonly tags?: readonly string[];
  /** What is linked; without revision and position, a whole stream. */
  readonly link?: { readonly stream: string; readonly revision?: bigint; readonly position?: bigint };
  /** The partition whose result it is (outputState); empty where there are none. */
  readonly resultOf?: string;
}

/** JSON, in UTF-8. The bytes are a view of those of all states of the batch: copy them to keep them for long. */
export interface PartitionState {
  /** Null: it has no state any more; the next event of the partition begins with $init. */
  readonly state: Uint8Array | null;
  /** What transformBy and filterBy make of the state, the state itself where there are none; null: filtered out. */
  readonly result: Uint8Array | null;
}

export interface BatchOutcome {
  /** How many events are done: all, those before the fault, or, where they are many, the first of them. */
  readonly processed: number;
  /** The partitions that were touched, as they are after those events; '' where the projection is not partitioned. */
  readonly changed: ReadonlyMap<string, PartitionState>;
  readonly emissions: readonly Emission[];
  readonly logs: readonly string[];
  readonly fault?: Fault;
}

/**
 * `threw`: the source threw an error, which is a function of the log alone, so that every node sees it (rule P4). Of the
 * others, none repeats exactly: `timeLimit`, `memoryLimit`, `died` (the sandbox was stuck or broke), and `state` (no plain
 * JSON, too large, or transformBy or filterBy threw), which is seen only where a batch ends.
 */
export interface Fault {
  readonly kind: 'threw' | 'timeLimit' | 'memoryLimit' | 'state' | 'died';
  readonly message: string;
  /** In the projection's source, from 1. */
  readonly line?: number;
  readonly column?: number;
  /** Of the event that failed. */
  readonly position: bigint;
}

export interface ProgramLimits {
  /** For one event. A pause of the process counts for next to nothing. */
  readonly eventTimeMsMax: number;
  /** Of the sandbox as a whole. */
  readonly memoryBytesMax: number;
  /** Of one state, as JSON. */
  readonly stateBytesMax: number;
  /** How much of the sandbox's memory, about, states may take that no batch needs just now. 0: none are kept. */
  readonly heldStatesBytesMax: number;
  /** A sandbox that gives no sign of life for so long is ended. */
  readonly stuckMsMax: number;
}

export const PROGRAM_LIMITS: ProgramLimits = {
  eventTimeMsMax: 1_000,
  memoryBytesMax: 256 << 20,
  stateBytesMax: 16 << 20,
  heldStatesBytesMax: 64 << 20,
  stuckMsMax: 10_000,
};

/** What `openProgram` throws for a source that does not parse or is no projection; the place is in its details, too. */
export interface ProgramSourceError extends FactstoreError {
  readonly details: { readonly field: 'source'; readonly line?: number; readonly column?: number };
}

/** Ends in a ProgramSourceError (INVALID_ARGUMENT, with line and column) for what is not a projection. */
export function openProgram(source: string, limits: ProgramLimits = PROGRAM_LIMITS): Promise<RestartableProgram> {
  return openSandboxedProgram(source, limits);
}
