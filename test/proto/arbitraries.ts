import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { protoFolder } from '../../src/proto/load.ts';

/** protobufjs' reflection over the .proto files: what the hand-written codecs must agree with. */
function loadRoot(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => (target.startsWith('google/protobuf/') ? target : join(protoFolder, target));
  root.loadSync(['factstore/v1/events.proto', 'factstore/v1/streams.proto', 'google/rpc/status.proto']);
  root.resolveAll();
  return root;
}

const root = loadRoot();

export function reflectedEncode(type: string, value: object): Uint8Array {
  const message = root.lookupType(type);
  return message.encode(message.fromObject(value)).finish();
}

export function reflectedDecode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(type);
  const options = { longs: Number, enums: Number, defaults: true, arrays: true };
  return plain(message.toObject(message.decode(bytes), options)) as Record<string, unknown>;
}

export const place = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(0, 1, 127, 128, 2 ** 32, 2 ** 53 - 1));
export const name = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 60, maxLength: 200 }));
const someBytes = fc.uint8Array({ maxLength: 300 });
export const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 });

export const state = fc.constantFrom('none', 'exists', 'deleted', 'tombstoned');
export const stateNumbers = { none: 1, exists: 2, deleted: 3, tombstoned: 4 } as const;

export const expectation = fc.oneof(
  fc.constantFrom({ kind: 'any' } as const, { kind: 'none' } as const, { kind: 'exists' } as const),
  fc.record({ kind: fc.constant('revision' as const), revision: place }),
);
export const expectNumbers = { any: 1, none: 2, exists: 3, revision: 4 } as const;

export const newEvent = fc.record({
  id: uuid,
  type: name,
  data: someBytes,
  contentType: fc.constantFrom('', 'application/json', 'application/octet-stream'),
  metadata: someBytes,
  tags: fc.array(name, { maxLength: 4 }),
  schemaVersion: fc.nat(2 ** 31 - 1),
});

export const recordedEvent = fc
  .tuple(newEvent, fc.record({ stream: name, revision: place, position: place, createdUs: place }))
  .map(([event, places]) => ({ ...event, ...places }));

/** As it is, but with plain Uint8Arrays: a Buffer is not equal to one for the test runner. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

const names = fc.array(name, { maxLength: 3 });
const queryItem = fc.record({ types: names, tags: names, categories: names, streams: names, streamPrefixes: names });

/** Without items, it is the query for all. */
export const query = fc.record({ items: fc.array(queryItem, { maxLength: 3 }) });

export function queryObject({ items }: { items: readonly object[] }): object {
  return { items, all: items.length === 0 };
}
