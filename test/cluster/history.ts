/** Every event of a run has a number of its own, from 1; its id is made of it. */
export type EventNumber = number;

export type Expected = 'any' | 'none' | 'exists' | number;

/** An operation as its client saw it, in milliseconds of the one monotonic clock of the run. */
interface Timed {
  readonly client: string;
  readonly invokedMs: number;
  readonly returnedMs: number;
}

interface AppendedWrite {
  readonly stream: string;
  readonly expect: Expected;
  /** None: the stream was only checked. */
  readonly events: readonly EventNumber[];
}

interface Failed {
  readonly kind: 'failed';
  readonly code: string;
}

export type AppendOutcome =
  | {
      readonly kind: 'appended';
      readonly firstPosition: number;
      readonly position: number;
      /** The last revision of each write that has events. */
      readonly revisions: readonly number[];
      readonly repeated: boolean;
    }
  | {
      readonly kind: 'conflict';
      /** Undefined where the client did not show the details (`update`). */
      readonly judged?: {
        readonly position: number;
        readonly checks: readonly { readonly stream: string; readonly revision: number }[];
      };
    }
  /** Definite: nothing was written. */
  | { readonly kind: 'refused'; readonly code: string }
  /** Indefinite: it may have been written, it may be written yet. */
  | { readonly kind: 'unknown'; readonly code: string };

export interface AppendOperation extends Timed {
  readonly kind: 'append';
  readonly appendId: string;
  readonly writes: readonly AppendedWrite[];
  readonly outcome: AppendOutcome;
}

/** A number: at least that position. */
export type ReadLevel = 'linearizable' | 'local' | number;

/** An event as a read, a subscription or the final log shows it. */
export interface SeenEvent {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly event: EventNumber;
}

export interface ReadOperation extends Timed {
  readonly kind: 'read';
  /** Undefined: all streams. */
  readonly stream?: string;
  readonly level: ReadLevel;
  /** A revision of the stream, a position otherwise; undefined: from the end that it begins with. */
  readonly from?: number;
  readonly backwards: boolean;
  /** Undefined: to the head. 0: only the head was asked for. */
  readonly limit?: number;
  readonly outcome:
    | Failed
    | {
        readonly kind: 'read';
        readonly head: number;
        /** Of the stream at that head. */
        readonly revision?: number;
        readonly events: readonly SeenEvent[];
      };
}

export type Operation = AppendOperation | ReadOperation;

export type SubscriptionMessage =
  | { readonly atMs: number; readonly kind: 'event'; readonly event: SeenEvent }
  | { readonly atMs: number; readonly kind: 'caughtUp'; readonly position: number };

/** One subscription from its beginning to its end. */
export interface SubscriptionRecord {
  readonly client: string;
  /** Undefined: all streams. */
  readonly stream?: string;
  readonly after: number;
  readonly startedMs: number;
  readonly messages: SubscriptionMessage[];
}

/** All that the clients of a run did and saw. */
export interface History {
  readonly operations: readonly Operation[];
  readonly subscriptions: readonly SubscriptionRecord[];
}

/** An event of the log as it was read when everything was over. */
export interface LoggedEvent extends SeenEvent {
  readonly createdUs: number;
}
