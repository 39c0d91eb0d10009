import { decodeUtf8, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { FollowedLink } from '../model/link.ts';
import { decodeRecordedEvent, type RecordedEventFields } from '../proto/event.ts';
import type { EventShape, LinkedEvent, RecordedEvent, RecordedEventOf } from './event-types.ts';
import { NO_UPCASTING, type Upcasting } from './upcasting.ts';

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]*\+)?json(?:\s*;.*)?$/i;

/** Whether a content type says JSON; an empty one does. */
export function isJsonType(contentType: string): boolean {
  return contentType === '' || contentType === 'application/json' || JSON_TYPE.test(contentType);
}

/** What a read tells of an event beside its bytes. */
interface Beside {
  readonly appendId?: string | undefined;
  /** What it leads to: a RecordedEvent, or why there is none. */
  readonly linked?: FollowedLink['target'] | undefined;
}

/** Values that are computed at the first access. */
interface Lazy {
  data?: { readonly value: unknown };
  metadata?: { readonly value: unknown };
}

/** A recorded event: what most readers look at is there at once, the rest when it is asked for. */
class StoredEvent implements RecordedEventOf<string, unknown> {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly type: string;
  readonly tags: readonly string[];
  readonly appendId: string | undefined;
  readonly linked: LinkedEvent | undefined;
  readonly #fields: RecordedEventFields;
  readonly #upcasting: Upcasting;
  readonly #lazy: Lazy = {};

  constructor(fields: RecordedEventFields, upcasting: Upcasting, { appendId, linked }: Beside) {
    this.stream = fields.stream;
    this.revision = BigInt(fields.revision);
    this.position = BigInt(fields.position);
    this.type = fields.type;
    this.tags = fields.tags;
    this.appendId = appendId;
    this.linked = linked && linkedEvent(linked, upcasting);
    this.#fields = fields;
    this.#upcasting = upcasting;
  }

  get id(): string {
    return uuidText(this.#fields.id);
  }

  get data(): unknown {
    this.#lazy.data ??= { value: this.#upcasting.data(this.storedVersion, this.#asStored(), this) };
    return this.#lazy.data.value;
  }

  get dataBytes(): Uint8Array {
    return this.#fields.data;
  }

  get contentType(): string {
    return this.#fields.contentType || 'application/json';
  }

  get metadata(): unknown {
    this.#lazy.metadata ??= { value: parse('metadata', this.#fields.metadata, this.#fields) };
    return this.#lazy.metadata.value;
  }

  get metadataBytes(): Uint8Array {
    return this.#fields.metadata;
  }

  get schemaVersion(): number {
    return this.#upcasting.versionOf(this.type, this.storedVersion);
  }

  get storedVersion(): number {
    return this.#fields.schemaVersion || 1;
  }

  get created(): Date {
    return new Date(Math.floor(this.#fields.createdUs / 1000));
  }

  get createdUs(): bigint {
    return BigInt(this.#fields.createdUs);
  }

  #asStored(): unknown {
    const fields = this.#fields;
    return isJsonType(fields.contentType) ? parse('data', fields.data, fields) : fields.data;
  }

  /** For console.log and the like, which pass over getters. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { stream, revision, position, id, type, contentType, tags, schemaVersion, created } = this;
    const shown = (read: () => unknown, bytes: Uint8Array) => {
      try {
        return read();
      } catch {
        return bytes;
      }
    };
    const data = shown(() => this.data, this.dataBytes);
    const metadata = shown(() => this.metadata, this.metadataBytes);
    return { stream, revision, position, id, type, data, metadata, contentType, tags, schemaVersion, created };
  }
}

function parse(field: string, bytes: Uint8Array, event: RecordedEventFields): unknown {
  if (bytes.length === 0) return undefined;
  const text = decodeUtf8(bytes);
  try {
    if (text === undefined) throw new SyntaxError('it is not valid UTF-8');
    return JSON.parse(text);
  } catch (error) {
    const which = `the ${event.type} at position ${event.position} (revision ${event.revision} of "${event.stream}")`;
    throw new FactstoreError(
      'INVALID_ARGUMENT',
      `${field} of ${which} is not JSON: ${(error as Error).message}. Its bytes are in ${field}Bytes.`,
      { field, stream: event.stream, revision: event.revision, position: event.position },
      { cause: error },
    );
  }
}

/** The event in the bytes of a RecordedEvent. That its data has the shape of `E` is the application's word. */
export function toRecordedEvent<E extends EventShape>(
  bytes: Uint8Array,
  upcasting = NO_UPCASTING,
  beside: Beside = {},
): RecordedEvent<E> {
  return new StoredEvent(decodeRecordedEvent(bytes), upcasting, beside) as unknown as RecordedEvent<E>;
}

/** The events of a message, with what those of them lead to that are links. */
export function toRecordedEvents<E extends EventShape>(
  events: readonly Uint8Array[],
  links: readonly FollowedLink[] | undefined,
  upcasting: Upcasting,
  appendIds?: readonly string[],
): RecordedEvent<E>[] {
  const targets = new Map(links?.map(({ at, target }) => [at, target]));
  return events.map((bytes, n) =>
    toRecordedEvent<E>(bytes, upcasting, { appendId: appendIds?.[n], linked: targets.get(n) }),
  );
}

function linkedEvent(target: FollowedLink['target'], upcasting: Upcasting): LinkedEvent {
  return typeof target === 'string' ? { dead: target } : { event: toRecordedEvent(target, upcasting) };
}
