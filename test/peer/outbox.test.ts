import { expect, test } from 'vitest';
import { Outbox, type OutboxLimits } from '../../src/peer/outbox.ts';

/** An outbox whose stream flushes only when told to. */
function stalled(limits: OutboxLimits) {
  const written: string[] = [];
  const flushes: (() => void)[] = [];
  const outbox = new Outbox(limits, (bytes, flushed) => {
    written.push(bytes.toString());
    flushes.push(flushed);
  });
  const encoded: string[] = [];
  const push = (text: string, bytes = text.length) =>
    outbox.push({
      bytes,
      encode: () => {
        encoded.push(text);
        return [Buffer.alloc(bytes, text)];
      },
    });
  return { outbox, written, encoded, push, flush: () => flushes.shift()?.() };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i));

test('messages leave in order, and only so many are handed to the stream before it flushes [C8]', () => {
  const { push, written, flush, outbox } = stalled({ bytesMax: 1000, countMax: 100, drop: 'newest' });
  for (const text of numbers(0, 20)) push(text);
  expect(written).toEqual(numbers(0, 8));
  expect(outbox.length).toBe(12);
  for (let i = 0; i < 20; i++) flush();
  expect(written).toEqual(numbers(0, 20));
  expect(outbox.dropped).toBe(0);
});

test('a full queue of heartbeats drops the oldest [C8]', () => {
  const { push, written, flush, outbox } = stalled({ bytesMax: 1000, countMax: 4, drop: 'oldest' });
  for (const text of numbers(0, 20)) push(text);
  for (let i = 0; i < 20; i++) flush();
  expect(written).toEqual([...numbers(0, 8), ...numbers(16, 20)]);
  expect(outbox.dropped).toBe(8);
});

test('a full queue of log ranges drops the newest, and what is dropped is never encoded [C8]', () => {
  const { push, written, encoded, flush, outbox } = stalled({ bytesMax: 1000, countMax: 4, drop: 'newest' });
  for (const text of numbers(0, 20)) push(text);
  for (let i = 0; i < 20; i++) flush();
  expect(written).toEqual(numbers(0, 12));
  expect(encoded).toEqual(written);
  expect(outbox.dropped).toBe(8);
});

test('the queue is bounded in bytes, but one message of any size passes [C8]', () => {
  const MIB = 1024 * 1024;
  const { push, encoded, flush, outbox } = stalled({ bytesMax: 10 * MIB, countMax: 100, drop: 'newest' });
  push('a', 17 * MIB);
  push('b', 17 * MIB);
  push('c', 1);
  expect(encoded).toEqual(['a']);
  expect(outbox.length).toBe(1);
  expect(outbox.dropped).toBe(1);
  flush();
  expect(encoded).toEqual(['a', 'b']);
});
