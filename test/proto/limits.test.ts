import { afterEach, describe, expect, test, vi } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { checkNewEvent } from '../../src/model/event.ts';
import { LIMITS } from '../../src/model/limits.ts';
import { FieldReader } from '../../src/model/wire.ts';
import { decodeAppendRequest } from '../../src/proto/append-request.ts';
import { MessageWriter } from '../../src/proto/message-writer.ts';
import { decodeReadRequest } from '../../src/proto/read.ts';
import { decodeSubscribeRequest } from '../../src/proto/subscribe.ts';

/** More than any limit lets in, and little enough that a decoder which does not look fails this test instead of falling over. */
const BYTES = 64 << 10;

/** As many elements of two bytes as these bytes hold: a field of this number, and nothing in it. */
function emptyElements(field: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, Buffer.of((field << 3) | 2, 0));
}

function within(field: number, inner: Uint8Array): Buffer {
  return new MessageWriter(inner.length + 16).dataAlways(field, inner).finish();
}

/** The refusal, and how many fields were looked at until then. */
function refusalOf(decode: () => unknown): { error: FactstoreError; fields: number } {
  const next = vi.spyOn(FieldReader.prototype, 'next');
  try {
    decode();
  } catch (error) {
    if (error instanceof FactstoreError) return { error, fields: next.mock.calls.length };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a list that is too long is refused where it becomes too long, and nothing behind it is decoded', () => {
  afterEach(() => vi.restoreAllMocks());

  const query = (inner: Uint8Array) => within(6, within(1, inner));
  const conditions = Buffer.alloc(BYTES, within(6, within(1, Buffer.of(0x10, 1))));
  const { streamsPerAppendMax, eventsPerAppendMax, conditionsPerAppendMax, queryItemsMax, namesPerQueryListMax } =
    LIMITS;
  const match = 'conditions[0].fail_if_events_match';

  test.each([
    ['writes', emptyElements(2, BYTES), 'writes', streamsPerAppendMax, 'streams'],
    ['events of one write', within(2, emptyElements(4, BYTES)), 'writes', eventsPerAppendMax, 'events'],
    [
      'events of all writes',
      Buffer.alloc(BYTES, within(2, emptyElements(4, 200))),
      'writes',
      eventsPerAppendMax,
      'events',
    ],
    ['conditions', conditions, 'conditions', conditionsPerAppendMax, 'conditions'],
    ['items', query(emptyElements(1, BYTES)), `${match}.items`, queryItemsMax, 'items'],
    ['names', query(within(1, emptyElements(2, BYTES))), `${match}.items[0].tags`, namesPerQueryListMax, 'names'],
  ])('%s of an append [C3, C8]', (_, bytes, field, limit, unit) => {
    const { error, fields } = refusalOf(() => decodeAppendRequest(bytes));
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.message).toBe(`${field}: ${limit + 1} ${unit} is over the limit of ${limit}`);
    expect(error.details).toEqual({ field, limit, actual: limit + 1 });
    // Each element has an end, and so have the messages around them.
    expect(fields).toBeLessThanOrEqual(5 * limit + 5);
  });

  test('items of a read and of a subscription [C3, C8]', () => {
    const items = emptyElements(1, BYTES);
    for (const decode of [() => decodeReadRequest(within(11, items)), () => decodeSubscribeRequest(within(6, items))]) {
      const { error, fields } = refusalOf(decode);
      expect(error.details).toEqual({ field: 'query.items', limit: queryItemsMax, actual: queryItemsMax + 1 });
      expect(fields).toBeLessThanOrEqual(2 * queryItemsMax + 5);
      vi.restoreAllMocks();
    }
  });

  test('tags of an event [C3, C8]', () => {
    const tags = Buffer.alloc(BYTES, within(6, Buffer.from('t')));
    const { error, fields } = refusalOf(() => checkNewEvent('event', tags));
    expect(error.details).toEqual({
      field: 'event.tags',
      limit: LIMITS.tagsPerEventMax,
      actual: LIMITS.tagsPerEventMax + 1,
    });
    expect(fields).toBe(LIMITS.tagsPerEventMax + 1);
  });

  test.each([
    ['a word about scavenges', Buffer.alloc(BYTES, Buffer.of(0x68, 1)), 'scavenge'],
    ['a word that says nothing', Buffer.alloc(BYTES, Buffer.of(0x68, 0)), 'scavenge'],
    ['a query of one condition', within(6, Buffer.alloc(BYTES, within(1, Buffer.of(0x10, 1)))), match],
  ])('%s stands there once [C3, C8]', (_, bytes, field) => {
    const { error, fields } = refusalOf(() => decodeAppendRequest(bytes));
    expect(error.message).toBe(`${field}: stands there twice`);
    expect(fields).toBeLessThanOrEqual(6);
  });

  test('and one that has all it may have is taken [C8]', () => {
    const names = Buffer.alloc(namesPerQueryListMax * 3, within(2, Buffer.from('t')));
    const items = Buffer.concat(Array.from({ length: queryItemsMax }, () => within(1, names)));
    const full = Buffer.concat([
      ...Array.from({ length: streamsPerAppendMax }, () =>
        within(2, emptyElements(4, (2 * eventsPerAppendMax) / streamsPerAppendMax)),
      ),
      ...Array.from({ length: conditionsPerAppendMax }, () => query(items)),
    ]);
    const decoded = decodeAppendRequest(full);
    expect(decoded.writes).toHaveLength(streamsPerAppendMax);
    expect(decoded.conditions).toHaveLength(conditionsPerAppendMax);
  });
});
