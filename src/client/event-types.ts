/**
 * What an application says about its events: a name, and the shape of the data under that name. A union of such shapes
 * types appends and reads; a wrong `data` does not compile.
 *
 * @example
 * type AccountEvent =
 *   | { type: 'Opened'; data: { owner: string } }
 *   | { type: 'Deposited'; data: { amount: number } };
 */
export interface EventShape {
  readonly type: string;
  readonly data?: unknown;
}

/** What an event may carry besides its type and its data. */
export interface EventExtras {
  /** A UUID; without one the SDK makes one, which follows from the append id and from where the event stands in the append. */
  readonly id?: string | undefined;
  /** About the event: correlation and causation ids, trace context. Any JSON value, or bytes. At most 1 MiB. */
  readonly metadata?: unknown;
  /** At most 64 tags of 1 to 256 bytes, conventionally `key:value`. */
  readonly tags?: readonly string[] | undefined;
  /** The version of the data's shape, 1 to 4,294,967,295; 1 unless given. */
  readonly schemaVersion?: number | undefined;
  /**
   * The media type of the data: `application/json` unless given, and `application/octet-stream` where the data is a
   * Uint8Array. At most 256 bytes.
   */
  readonly contentType?: string | undefined;
}

/**
 * An event to be appended. `data` is any JSON value, or a Uint8Array that is stored as it is, or, with a content type
 * that is not JSON, a string that is stored as UTF-8.
 */
export type NewEvent<E extends EventShape = EventShape> = E extends EventShape ? E & EventExtras : never;

/** One kind of recorded event; see {@link RecordedEvent}. */
export interface RecordedEventOf<Type extends string, Data> {
  /** The stream that it belongs to. */
  readonly stream: string;
  /** Its place in that stream, from 0, contiguous. */
  readonly revision: bigint;
  /** Its place in the whole store, from 1, contiguous. */
  readonly position: bigint;
  /** A UUID. */
  readonly id: string;
  /** What happened. */
  readonly type: Type;
  /**
   * The payload: parsed where the content type says JSON (undefined where it is empty), else the bytes. Parsed at the
   * first access; ends in a FactstoreError INVALID_ARGUMENT where it says JSON and is not. `dataBytes` always works.
   */
  readonly data: Data;
  /** The payload as it is stored; a view into a larger buffer. */
  readonly dataBytes: Uint8Array;
  /** The media type of the payload. */
  readonly contentType: string;
  /** The metadata, parsed as JSON at the first access; undefined where there is none. */
  readonly metadata: unknown;
  /** The metadata as it is stored. */
  readonly metadataBytes: Uint8Array;
  readonly tags: readonly string[];
  /** Of `data`, from 1; where upcasters were given to `connect`, what they made of it. */
  readonly schemaVersion: number;
  /** As its author wrote it; `dataBytes` are of this version. */
  readonly storedVersion: number;
  /** When it was appended by the leader's clock, to the millisecond. */
  readonly created: Date;
  /** The same in microseconds since 1970; never decreasing along the store. */
  readonly createdUs: bigint;
  /** The append that it came with, a UUID; only of a read with the option `appendIds`. */
  readonly appendId: string | undefined;
  /** What it leads to, if it is a link; only of a read or a subscription with the option `resolveLinks`. */
  readonly linked: LinkedEvent | undefined;
}

/**
 * What a link leads to: the event, with its own stream, revision and position, or why there is none. `hidden`: it was
 * deleted, truncated, expired or erased; `neverWritten`: there never was such an event; `wholeStream`: the link is to all
 * of a stream.
 */
export type LinkedEvent =
  | { readonly event: RecordedEvent; readonly dead?: undefined }
  | { readonly dead: 'hidden' | 'neverWritten' | 'wholeStream'; readonly event?: undefined };

type DataOf<E> = E extends { readonly data?: infer Data } ? Data : unknown;

/** An event as it stands in the store; a union over the types of `E`, told apart by `type`. */
export type RecordedEvent<E extends EventShape = EventShape> = E extends EventShape
  ? RecordedEventOf<E['type'], DataOf<E>>
  : never;
