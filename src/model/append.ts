import { FactstoreError } from '../base/errors.ts';
import type { StreamChange } from './retention.ts';

/** An append, decoded as far as judging it needs: the events stay the author's bytes. */

import type { AppendCondition } from './query.ts';
import type { StreamState } from './stream.ts';

/** The state in which a stream must be. */
export type Expectation =
  | { readonly kind: 'any' }
  | { readonly kind: 'none' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'revision'; readonly revision: number };

/** Events for one stream; without events, a check of its state alone. */
export interface Write {
  readonly stream: string;
  readonly expect: Expectation;
  /** Each is a NewEvent in protobuf, checked (rule S14). */
  readonly events: readonly Uint8Array[];
}

/** The place of a producer in its own source (rule S7). */
export interface ProducerCursor {
  readonly producer: string;
  /** 0 for the producer's first append. */
  readonly previous: number;
  readonly current: number;
}

/** One atomic append. */
export interface Append {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** 16 bytes: a digest of the client's bytes alone, to tell a repeat from another append with the same id. */
  readonly digest: Uint8Array;
  readonly writes: readonly Write[];
  readonly conditions: readonly AppendCondition[];
  readonly producer?: ProducerCursor;
  /** A change of a stream's lifecycle; the writes are then checks alone. */
  readonly change?: StreamChange | undefined;
  /** The kind of system fact that its one event is, where it is one: the feature level has to allow it (rule S16). */
  readonly fact?: string | undefined;
  /** Milliseconds since the client's first attempt with this id. */
  readonly attemptAgeMs: number;
  /** How many events all writes have together. */
  readonly eventCount: number;
  /** How many bytes all events have together. */
  readonly eventBytes: number;
}

/** Where the events of one write ended up. */
export interface WriteResult {
  readonly stream: string;
  /** The revision of the write's last event. */
  readonly revision: number;
}

/** An append that is in the log. */
export interface Appended {
  readonly kind: 'appended';
  readonly firstPosition: number;
  readonly position: number;
  readonly writes: readonly WriteResult[];
  readonly createdUs: number;
  readonly repeated: boolean;
}

/** One expectation that did not hold. */
export interface FailedCheck {
  readonly stream: string;
  readonly expect: Expectation;
  readonly actual: StreamState;
  /** -1 where no event was ever written. */
  readonly actualRevision: number;
}

/** An append id stands for one append, and for nothing else (rule S6). */
export function appendIdReused(id: Uint8Array): FactstoreError {
  return new FactstoreError(
    'APPEND_ID_REUSED',
    'this append id was used before, for an append with other content. Nothing was written. Use a new append id for each logical append.',
    { appendId: Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('') },
  );
}
