import type { ProgramEvent } from '../program.ts';

/** How many numbers there are of each event. */
export const COLUMNS = 9;
export const Column = {
  type: 0,
  stream: 1,
  revision: 2,
  position: 3,
  created: 4,
  contentType: 5,
  tags: 6,
  dataLength: 7,
  /** Negative, less one: it is not an event but the deletion of its stream. */
  metadataLength: 8,
} as const;

/**
 * Events on their way to the worker: few objects, because each costs the node's thread time to copy. Names are in tables,
 * each once; numbers in one array; bytes (the ids, then data and metadata of each event) in one buffer that is handed over.
 */
export interface PackedEvents {
  readonly count: number;
  readonly types: readonly string[];
  readonly streams: readonly string[];
  readonly contentTypes: readonly string[];
  readonly tagLists: readonly (readonly string[])[];
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const ID_BYTES = 16;

export function packEvents(events: readonly ProgramEvent[]): PackedEvents {
  const types = new Table<string>();
  const streams = new Table<string>();
  const contentTypes = new Table<string>();
  const tagLists: (readonly string[])[] = [[]];
  const numbers = new Float64Array(events.length * COLUMNS);
  const bytes = new Uint8Array(events.reduce((sum, e) => sum + ID_BYTES + e.data.length + e.metadata.length, 0));
  let at = events.length * ID_BYTES;
  for (const [i, event] of events.entries()) {
    const row = i * COLUMNS;
    numbers[row + Column.type] = types.indexOf(event.type);
    numbers[row + Column.stream] = streams.indexOf(event.stream);
    numbers[row + Column.revision] = Number(event.revision);
    numbers[row + Column.position] = Number(event.position);
    numbers[row + Column.created] = Number(event.created);
    numbers[row + Column.contentType] = contentTypes.indexOf(event.contentType);
    if (event.tags.length > 0) numbers[row + Column.tags] = tagLists.push(event.tags) - 1;
    numbers[row + Column.dataLength] = event.data.length;
    numbers[row + Column.metadataLength] =
      event.kind === 'deleted' ? -1 - event.metadata.length : event.metadata.length;
    bytes.set(event.id, i * ID_BYTES);
    bytes.set(event.data, at);
    bytes.set(event.metadata, at + event.data.length);
    at += event.data.length + event.metadata.length;
  }
  const names = { types: types.values, streams: streams.values, contentTypes: contentTypes.values };
  return { count: events.length, ...names, tagLists, numbers, bytes };
}

class Table<T> {
  readonly values: T[] = [];
  readonly #indexes = new Map<T, number>();

  indexOf(value: T): number {
    let index = this.#indexes.get(value);
    if (index === undefined) {
      index = this.values.push(value) - 1;
      this.#indexes.set(value, index);
    }
    return index;
  }
}
