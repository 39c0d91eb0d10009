import { expect, test } from 'vitest';
import { uuidOrNew } from '../../src/client/identifiers.ts';
import { RequestMemory } from '../../src/client/request-memory.ts';
import { decodeAppendRequest, encodeAppendRequest } from '../../src/proto/append-request.ts';

const KIB = 1 << 10;

test('what is given back is used again, and what is lent is nobody else has', () => {
  const memory = new RequestMemory();
  const [first, second] = [memory.take(20 * KIB), memory.take(20 * KIB)];
  expect(first.length).toBeGreaterThanOrEqual(20 * KIB);
  expect(first.buffer).not.toBe(second.buffer);
  memory.give(first.subarray(0, 100));
  expect(memory.take(30 * KIB).buffer).toBe(first.buffer);
  expect(memory.take(30 * KIB).buffer).not.toBe(first.buffer);
});

test('what is given back twice, or was never lent, is not lent to two', () => {
  const memory = new RequestMemory();
  const lent = memory.take(20 * KIB);
  const foreign = Buffer.allocUnsafeSlow(32 * KIB);
  for (const buffer of [lent, lent, foreign]) memory.give(buffer);
  expect(memory.take(20 * KIB).buffer).toBe(lent.buffer);
  const other = memory.take(20 * KIB);
  expect([lent.buffer, foreign.buffer]).not.toContain(other.buffer);
});

test('small and very large requests get memory of their own, and no more than 4 MiB are kept', () => {
  const memory = new RequestMemory();
  for (const size of [100, 2_000 * KIB]) {
    const taken = memory.take(size);
    expect(taken).toHaveLength(size);
    memory.give(taken);
    expect(memory.take(size).buffer === taken.buffer && taken.byteOffset === memory.take(size).byteOffset).toBe(false);
  }
  const all = Array.from({ length: 6 }, () => memory.take(KIB * KIB));
  for (const taken of all) memory.give(taken);
  const again = Array.from({ length: 6 }, () => memory.take(KIB * KIB).buffer);
  expect(again.filter((buffer) => all.some((taken) => taken.buffer === buffer))).toHaveLength(4);
});

test('a request in memory that held another one is the same, also where it outgrows it', () => {
  const memory = new RequestMemory();
  const request = (text: string, count: number) => {
    const event = {
      id: uuidOrNew('id', undefined),
      type: 'T',
      contentType: '',
      metadata: '',
      tags: [],
      schemaVersion: 0,
    };
    const events = Array.from({ length: count }, () => ({ ...event, data: text }));
    const append = {
      appendId: uuidOrNew('id', undefined),
      writes: [{ stream: 's', expect: { kind: 'any' } as const, events }],
    };
    return [encodeAppendRequest(append, (size) => memory.take(size)), encodeAppendRequest(append)] as const;
  };
  for (const text of ['x'.repeat(30_000), 'é'.repeat(9_000), 'ü'.repeat(30_000), 'y'.repeat(90)]) {
    const [lent, own] = request(text, text.length < 100 ? 200 : 1);
    expect(lent.equals(own)).toBe(true);
    expect(decodeAppendRequest(lent).writes[0]?.events[0]).toEqual(decodeAppendRequest(own).writes[0]?.events[0]);
    memory.give(lent);
  }
});
