import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryType } from '../../src/raft/types.ts';
import {
  decodeHardState,
  encodeHardState,
  entryKey,
  hardStateKey,
  membershipKey,
  parseKey,
} from '../../src/storage/raft-log-rows.ts';
import { chainDamage, EntryRecord, placeOf, recordDamage, stubOf } from '../../src/storage/record.ts';
import { decodeScavengeProgress, encodeScavengeProgress } from '../../src/storage/scavenge-row.ts';
import { EMPTY_LOG, entryAfter } from './support.ts';

const place = fc.maxSafeNat();
const hardStates = fc.record({
  term: place,
  vote: fc.option(fc.string({ minLength: 1, maxLength: 128, unit: 'binary' }), { nil: undefined }),
  commit: place,
  lastIndex: place,
  membershipIndex: place,
  chain: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
});

function flip(bytes: Buffer, at: number): Buffer {
  const bit = at % (bytes.length * 8);
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}

describe('the keys of the raft log', () => {
  test('sort as the log runs: membership, then each entry and the hard state behind it [D3]', () => {
    const index = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 });
    fc.assert(
      fc.property(index, index, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const keys = [hardStateKey(0), membershipKey(low), entryKey(low), hardStateKey(low), entryKey(low + 1)];
        keys.forEach((key, i) => {
          if (i > 0) expect((keys[i - 1] as Buffer).compare(key)).toBe(-1);
        });
        expect(entryKey(low).compare(entryKey(high))).toBe(low < high ? -1 : 0);
        expect(membershipKey(high).compare(entryKey(1))).toBe(-1);
      }),
    );
  });

  test('tell what they name', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (index) => {
        expect(parseKey(entryKey(index))).toEqual({ kind: 'entry', index });
        expect(parseKey(hardStateKey(index))).toEqual({ kind: 'hardState', index });
        expect(parseKey(membershipKey(index))).toEqual({ kind: 'membership', index });
      }),
    );
    expect(parseKey(hardStateKey(0))).toEqual({ kind: 'hardState', index: 0 });
  });

  test('arbitrary bytes are a key that would be written, or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const key = Buffer.from(bytes);
        const row = parseKey(key);
        if (!row) return;
        const made = { entry: entryKey, hardState: hardStateKey, membership: membershipKey }[row.kind](row.index);
        expect(made).toEqual(key);
      }),
    );
  });
});

describe('the row of hard state', () => {
  test('gives back every hard state that was written [D3]', () => {
    fc.assert(
      fc.property(hardStates, (wanted) => {
        expect(decodeHardState(encodeHardState(wanted))).toEqual(wanted);
      }),
    );
  });

  test('a flipped bit anywhere in it is noticed [D7]', () => {
    fc.assert(
      fc.property(hardStates, fc.nat(), (wanted, at) => {
        expect(typeof decodeHardState(flip(encodeHardState(wanted), at))).toBe('string');
      }),
    );
  });

  test('a stub keeps its place, digest and chain hash, says that it is one, and is checked by a sum of its own [D4]', () => {
    const record = entryAfter(EMPTY_LOG, { events: 3 });
    const next = entryAfter(record);
    const stub = stubOf(record, Buffer.from('left'));
    expect([record.erased, stub.erased]).toEqual([false, true]);
    expect(placeOf(stub)).toEqual(placeOf(record));
    expect([stub.digest, stub.count, stub.payload]).toEqual([record.digest, 3, Buffer.from('left')]);
    expect(recordDamage(1, stub.bytes)).toBeUndefined();
    expect(chainDamage(stub, EMPTY_LOG.chain)).toBeUndefined();
    expect(chainDamage(next, stub.chain)).toBeUndefined();
    for (let bit = 0; bit < stub.bytes.length * 8; bit++) expect(recordDamage(1, flip(stub.bytes, bit))).toBeDefined();
    const noop = stubOf(entryAfter(EMPTY_LOG, { type: EntryType.noop, events: 0 }), Buffer.alloc(0));
    expect(chainDamage(noop, EMPTY_LOG.chain)).toBe('it is a stub, of a type that is never erased');
    const other = entryAfter(EMPTY_LOG, { events: 3, payload: Buffer.from('left') });
    expect(chainDamage(other, EMPTY_LOG.chain)).toBeUndefined();
    expect(other.chain.equals(stub.chain)).toBe(false);
  });

  test('arbitrary bytes are never taken for one, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(typeof decodeHardState(Buffer.from(bytes))).toBe('string');
      }),
    );
  });
});

describe('the row of a scavenge', () => {
  const progresses = fc.record({
    ...{ point: place, doneTo: place, through: place, events: place, bytes: place },
    owesRewrite: fc.boolean(),
  });

  test('is read as it was written, and no bit of it may flip', () => {
    fc.assert(
      fc.property(progresses, fc.nat(), (progress, at) => {
        const row = encodeScavengeProgress(progress);
        expect(decodeScavengeProgress(row)).toEqual(progress);
        expect(decodeScavengeProgress(flip(row, at))).toBeUndefined();
      }),
    );
    expect(decodeScavengeProgress(Buffer.alloc(0))).toBeUndefined();
  });

  test.each([
    ['0101', { doneTo: 3, owesRewrite: true }],
    ['0100', { doneTo: 0, owesRewrite: true }],
    ['020100', { doneTo: 3, owesRewrite: false }],
    ['020001', { doneTo: 0, owesRewrite: true }],
  ])(
    'of a former format (%s) is read, and rewrites tables where it does not tell whether it has to [R2]',
    (head, told) => {
      const figures = ['03', '02', '01', '64'].map((byte) => byte.padEnd(16, '0')).join('');
      const written = Buffer.from(`${head}${figures}`, 'hex');
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32LE(crc32(written));
      const row = Buffer.concat([written, checksum]);
      expect(decodeScavengeProgress(row)).toEqual({ point: 3, through: 2, events: 1, bytes: 100, ...told });
      expect(decodeScavengeProgress(row.subarray(1))).toBeUndefined();
    },
  );
});

describe('a record', () => {
  const record = entryAfter(EMPTY_LOG, { payload: Buffer.alloc(200, 3), term: 4 });

  test('a flipped bit anywhere in it is noticed when it is read [D7]', () => {
    for (let bit = 0; bit < record.bytes.length * 8; bit++)
      expect(recordDamage(record.index, flip(record.bytes, bit)), `bit ${bit}`).toBeDefined();
    expect(recordDamage(record.index, record.bytes)).toBeUndefined();
  });

  test('one that stands at another index is noticed when it is read [D7]', () => {
    expect(recordDamage(record.index + 1, record.bytes)).toBe('its checksum is wrong');
  });

  test('a flipped bit in payload or header breaks digest or chain, whatever the checksum says; flags do not [D4]', () => {
    for (let bit = 0; bit < record.bytes.length * 8; bit++) {
      const byte = bit >> 3;
      // The format version, the flags, the length and the checksum are outside the chain.
      if (byte === 0 || byte === 2 || byte === 3 || (byte >= 96 && byte < 104)) continue;
      const damage = chainDamage(new EntryRecord(1, flip(record.bytes, bit)), EMPTY_LOG.chain);
      expect(damage, `bit ${bit}`).toBeDefined();
    }
    const flagged = Buffer.from(record.bytes);
    flagged.writeUInt16LE(1, 2);
    expect(chainDamage(new EntryRecord(1, flagged), EMPTY_LOG.chain)).toBeUndefined();
    expect(chainDamage(record, Buffer.alloc(32))).toBe('its chain hash is wrong');
    expect(chainDamage(new EntryRecord(2, record.bytes), EMPTY_LOG.chain)).toBe('its chain hash is wrong');
  });

  test('arbitrary bytes are never taken for one, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (bytes, index) => {
        expect(recordDamage(index, Buffer.from(bytes))).toBeDefined();
      }),
    );
  });
});
