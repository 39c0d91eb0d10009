import { describe, expect, it } from 'vitest';
import { checkAppend, type RawAppend } from '../../src/database/check-append.ts';
import { encodeEvent } from '../storage/index/log-fixture.ts';

const EVENT = encodeEvent({ type: 'T' });
const ANY = { kind: 'any' } as const;

function raw(changes: Partial<RawAppend> = {}): RawAppend {
  const writes = [{ stream: 'a', expect: ANY, events: [EVENT] }];
  return { appendId: new Uint8Array(16), writes, attemptAgeMs: 0, content: [EVENT], ...changes };
}

describe('an append that is checked without state', () => {
  it('writes no events to system streams and of system types; it may check such a stream [S16]', () => {
    const system = { stream: '$settings', expect: ANY };
    expect(() => checkAppend(raw({ writes: [{ ...system, events: [EVENT] }] }))).toThrow(/writes\[0\].stream/);
    const checked = [...raw().writes, { ...system, events: [] }];
    expect(checkAppend(raw({ writes: checked })).writes).toHaveLength(2);
    const typed = [{ stream: 'a', expect: ANY, events: [encodeEvent({ type: '$T' })] }];
    expect(() => checkAppend(raw({ writes: typed }))).toThrow(/writes\[0\].events\[0\]/);
  });

  it('names each stream once: two writes would both be judged on the state before it [S10]', () => {
    const [write] = raw().writes;
    expect(() => checkAppend(raw({ writes: [write!, write!] }))).toThrow(/"a" stands in this append twice/);
  });

  it('says something about scavenges with nothing beside it: one fact, as the leader judges it [S16]', () => {
    const word = (changes: Partial<RawAppend> = {}) => raw({ writes: [], scavenge: 'start', ...changes });
    const { writes, fact } = checkAppend(word());
    expect(fact).toBe('$scavengeStarted');
    expect(writes).toMatchObject([{ stream: '$scavenges', expect: ANY }]);
    const { writes: some } = raw();
    expect(() => checkAppend(word({ writes: some }))).toThrow(/^scavenge: goes with nothing else/);
    const change = { kind: 'delete', stream: 'a' } as const;
    expect(() => checkAppend(word({ change }))).toThrow(/^scavenge: goes with nothing else/);
    const producer = { producer: 'p', previous: 0, current: 1 };
    expect(() => checkAppend(word({ producer }))).toThrow(/^scavenge: goes with nothing else/);
    const projection = { name: 'p', facts: 0, type: '$projectionReset', data: '{}' };
    expect(() => checkAppend(word({ projection }))).toThrow(/^projection: goes with nothing else/);
  });

  it('moves the cursor of its producer [S7]', () => {
    const moved = (previous: number, current: number) => ({ producer: { producer: 'p', previous, current } });
    expect(checkAppend(raw(moved(3, 4))).producer).toEqual({ producer: 'p', previous: 3, current: 4 });
    for (const current of [2, 3])
      expect(() => checkAppend(raw(moved(3, current)))).toThrow(/not greater than previous/);
  });

  it('has a digest of all its content, whether its parts lie behind one another in memory or not [S6]', () => {
    const whole = Buffer.from('abcdef');
    const digest = (...content: Uint8Array[]) => Buffer.from(checkAppend(raw({ content })).digest).toString('hex');
    const expected = digest(whole);
    expect(digest(whole.subarray(0, 2), whole.subarray(2))).toBe(expected);
    expect(digest(Uint8Array.from(Buffer.from('ab')), Uint8Array.from(Buffer.from('cdef')))).toBe(expected);
    expect(digest(Uint8Array.from(Buffer.from('ab')), Uint8Array.from(Buffer.from('cdeX')))).not.toBe(expected);
  });
});
