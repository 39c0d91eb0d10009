import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FactstoreError } from '../../../src/base/errors.ts';
import { scanRecordedEvent, writeRecordedEvent } from '../../../src/model/event.ts';
import {
  decodeAppendIds,
  decodeFormat,
  decodeLocateRow,
  decodeSeal,
  decodeStreamRow,
  locateRoom,
  putLocateRow,
  putSeal,
} from '../../../src/storage/index/block-rows.ts';
import { decodeCreatedNames, putCreatedNames } from '../../../src/storage/index/created-names.ts';
import { EventScanner } from '../../../src/storage/index/event-scan.ts';
import { decodeHead, decodeProducer, putHead, putProducer, stateAt } from '../../../src/storage/index/head-rows.ts';
import {
  blockNameKey,
  createdNamesKey,
  Kind,
  locateKey,
  nameKey,
  revisionOfKey,
  streamKey,
} from '../../../src/storage/index/keys.ts';
import { decodePlaces, decodeRowPlaces, putPlaces } from '../../../src/storage/index/place-rows.ts';
import { PlaceSet } from '../../../src/storage/index/place-set.ts';
import { decodeRow, RowWriter } from '../../../src/storage/index/row-writer.ts';
import { encodeEvent } from './log-fixture.ts';

const anyName = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.constantFrom(0, 1, 2, 0x61), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes)),
);
const place = fc.nat({ max: Number.MAX_SAFE_INTEGER });

function put(write: (to: RowWriter) => void): { key: Uint8Array; value: Uint8Array } {
  const writer = new RowWriter();
  write(writer);
  const [row] = writer.take();
  if (row?.type !== 'put') throw new Error('no row');
  return row;
}

describe('keys', () => {
  it('stand in the order of their names, whatever bytes these have [D10]', () => {
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        expect(Math.sign(Buffer.compare(nameKey(Kind.head, a), nameKey(Kind.head, b)))).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('of one name never lie among those of another, of which it may be the beginning [D10]', () => {
    fc.assert(
      fc.property(anyName, anyName, place, place, (a, b, first, second) => {
        const order = Buffer.compare(a, b);
        const keys = Buffer.compare(streamKey(a, first), streamKey(b, second));
        expect(Math.sign(keys)).toBe(order === 0 ? Math.sign(first - second) : order);
      }),
    );
    const a = Buffer.from(nameKey(Kind.stream, 'a'));
    expect(Buffer.from(streamKey('ab', 0)).subarray(0, a.length).equals(a)).toBe(false);
  });

  it('of one name stand in the order of their numbers [D10]', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0xffff_ffff }), (a, b) => {
        const keys = Buffer.compare(blockNameKey(Kind.tag, 'x', a), blockNameKey(Kind.tag, 'x', b));
        expect(Math.sign(keys)).toBe(Math.sign(a - b));
      }),
    );
    expect(revisionOfKey(streamKey('x', Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('rows', () => {
  it('of any bytes are decoded or refused, without an error of any other kind [D5]', () => {
    const decoders = [
      decodeStreamRow,
      decodePlaces,
      decodeRowPlaces,
      decodeCreatedNames,
      decodeLocateRow,
      decodeAppendIds,
      decodeSeal,
      decodeFormat,
      decodeHead,
      decodeProducer,
    ];
    for (const decode of decoders) {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void decode(bytes)));
    }
  });

  it('of places give back what was written, as a list or, where that is shorter, as bits [D5]', () => {
    const lists = fc.oneof(
      fc.uniqueArray(fc.nat(16_383), { minLength: 1, maxLength: 40 }),
      fc
        .tuple(fc.nat(100), fc.nat(15_000), fc.nat(9))
        .map(([first, count, gaps]) =>
          Array.from({ length: count + 1 }, (_, n) => first + n).filter(
            (place) => place === first || place % (gaps + 1) === 0,
          ),
        ),
    );
    fc.assert(
      fc.property(lists, (some) => {
        const places = Uint16Array.from(some).sort();
        const { key, value } = put((to) =>
          putPlaces(to.startAt(blockNameKey(Kind.tag, 'x', 1), some.length * 2), places).end(),
        );
        expect(decodeRow(key, value, decodePlaces)).toEqual(places);
        const row = decodeRow(key, value, decodeRowPlaces);
        expect(value.length - 4).toBeLessThanOrEqual(
          Math.min(places.length * 2, (((places.at(-1) ?? 0) >>> 3) + 1) | 1),
        );
        const set = new PlaceSet(16_384);
        set.add(row);
        expect(set.between(0, 16_383)).toEqual([...places]);
      }),
    );
    const every = (n: number) => Uint16Array.from({ length: Math.ceil(16_384 / n) }, (_, i) => i * n);
    const length = (places: Uint16Array) =>
      put((to) => putPlaces(to.startAt(blockNameKey(Kind.tag, 'x', 1), 40_000), places).end()).value.length - 4;
    expect([1, 2, 15, 16, 100].map((n) => length(every(n)))).toEqual([2_049, 2_049, 2_049, 2_047, 328]);
  });

  it('of names of streams give back what was written, in the order of their bytes [D5]', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1 }),
        fc.nat(0xffff),
        (texts, place) => {
          const sorted = texts.map((text) => Buffer.from(text)).sort(Buffer.compare);
          const names = sorted.map((name, n) => ({ name, place: (place + n) % 0x1_0000 }));
          const { key, value } = put((to) => putCreatedNames(to, 7, names));
          expect(Buffer.from(key)).toEqual(Buffer.from(createdNamesKey(7, sorted.at(-1) as Buffer)));
          expect(decodeRow(key, value, decodeCreatedNames)).toEqual(names);
        },
      ),
    );
  });

  it('with any one bit turned end in DATA_LOSS [D5]', () => {
    const row = put((to) =>
      putProducer(to, Buffer.from('import'), { block: 3, current: 7, logIndex: 9, appendId: Buffer.alloc(16, 1) }),
    );
    for (let bit = 0; bit < row.value.length * 8; bit++) {
      const turned = Buffer.from(row.value);
      turned[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeRow(row.key, turned, decodeProducer)).toThrow(FactstoreError);
    }
    expect(() => decodeRow(row.key, new Uint8Array(3), decodeProducer)).toThrow(/delete its index directory/);
  });

  it('of a head tell the previous state until the block of the current one is sealed [D5]', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), place, place, fc.boolean(), (block, later, first, created, two) => {
        const end = {
          block,
          revision: 4,
          lastPosition: 17,
          lastCreatedUs: 5,
          firstPosition: first,
          firstCreatedUs: created,
        };
        const previous = two ? end : undefined;
        const current = { ...end, block: block + 1 + later, revision: 9 };
        const row = put((to) => putHead(to, Buffer.from('s'), current, previous));
        const decoded = decodeRow(row.key, row.value, decodeHead);
        expect(decoded).toEqual({ current, previous });
        expect(stateAt(decoded, current.block + 1)).toEqual(current);
        expect(stateAt(decoded, current.block)).toEqual(previous);
        expect(stateAt(decoded, block)).toBeUndefined();
      }),
    );
  });

  it('that locate entries give back what was written [D5]', () => {
    const entry = fc.record({
      logIndex: place,
      firstPosition: place,
      createdUs: place,
      bytes: fc.nat({ max: 2 ** 31 }),
    });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (entries) => {
        const ascending = (key: 'logIndex' | 'firstPosition' | 'createdUs') =>
          entries.map((each) => each[key]).sort((a, b) => a - b);
        const [indexes, firsts, created] = [ascending('logIndex'), ascending('firstPosition'), ascending('createdUs')];
        const sorted = entries.map(({ bytes }, i) => ({
          logIndex: indexes[i]!,
          firstPosition: firsts[i]!,
          createdUs: created[i]!,
          bytes,
        }));
        const row = put((to) => {
          to.startAt(locateKey(1, 2), locateRoom(sorted.length));
          putLocateRow(to, sorted);
          to.end();
        });
        expect(decodeRow(row.key, row.value, decodeLocateRow)).toEqual(sorted);
      }),
    );
  });

  it('that seal a block give back what was written [D5]', () => {
    const seal = {
      logIndex: 77,
      firstPosition: 2 ** 40,
      lastPosition: 2 ** 41,
      firstCreatedUs: 1,
      lastCreatedUs: 2 ** 52,
      idTimeUs: 2 ** 51,
      rows: 12,
      appendIds: 3,
      chunks: 2,
      chain: new Uint8Array(32).fill(9),
    };
    for (const digest of [undefined, 0, 2 ** 32 - 1]) {
      const row = put((to) => putSeal(to, 4, { ...seal, digest }));
      expect(decodeRow(row.key, row.value, decodeSeal)).toEqual({ ...seal, digest });
    }
  });
});

describe('the event scanner', () => {
  const scanner = new EventScanner();
  const text = (start: number, end: number) => Buffer.from(scanner.bytes.subarray(start, end)).toString();
  const scanned = () => ({
    stream: text(scanner.streamStart, scanner.streamEnd),
    revision: scanner.revision,
    position: scanner.position,
    type: text(scanner.typeStart, scanner.typeEnd),
    tags: Array.from({ length: scanner.tagCount }, (_, t) => text(scanner.tags[t * 2]!, scanner.tags[t * 2 + 1]!)),
  });

  it('finds in a recorded event what the decoder of the model finds [D5]', () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
    fc.assert(
      fc.property(
        name,
        name,
        fc.array(name, { maxLength: 100 }),
        place,
        fc.integer({ min: 1 }),
        (stream, type, tags, r, p) => {
          const event = encodeEvent({ type, tags, data: new Uint8Array(tags.length) });
          const to = new Uint8Array(event.length + 200);
          const end = writeRecordedEvent(to, 3, event, Buffer.from(stream), r, p, 1);
          expect(scanner.scan(to, 3, end)).toBe(true);
          expect(scanned()).toEqual(scanRecordedEvent(to, 3, end));
        },
      ),
    );
  });

  it('reads any bytes as the decoder of the model does, or refuses them [D5]', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(Uint8Array.of(0x42, 1, 0x61), Uint8Array.of(0x48, 3), Uint8Array.of(0x50, 4)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const bytes = Uint8Array.from(pieces.flatMap((each) => [...each]));
        const keys = scanRecordedEvent(bytes);
        const found = scanner.scan(bytes, 0, bytes.length);
        if (keys && found) expect(scanned()).toEqual(keys);
      }),
      { numRuns: 2000 },
    );
  });
});
