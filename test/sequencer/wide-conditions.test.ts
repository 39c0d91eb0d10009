import { describe, expect, it } from 'vitest';
import type { Append } from '../../src/model/append.ts';
import { type AppendCondition, breadthOf, type QueryItem } from '../../src/model/query.ts';
import type { ConditionsSeen, Lookup } from '../../src/sequencer/ports.ts';
import { COMPARISONS_MAX, Sequencer } from '../../src/sequencer/sequencer.ts';

/** A NewEvent with an id of sixteen sevens and the type "T". */
const EVENT = Uint8Array.from([0x0a, 16, ...Array(16).fill(7), 0x12, 1, 0x54]);
/** What the index knows, up to position 100. */
const KNOWN = 100;
const LOOKUP: Lookup = {
  appliedIndex: 10,
  head: () => ({ state: 'none', revision: -1 }),
  cursor: () => undefined,
};

/** The widest that is allowed: none of its parts is one by which events are found. */
function widest(more: Partial<QueryItem> = {}): AppendCondition {
  const items = Array.from({ length: 128 }, (_, i) => {
    const streamPrefixes = Array.from({ length: 64 }, (_, j) => `other-${i}-${j}`);
    return { types: [], tags: [], categories: [], streams: [], streamPrefixes };
  });
  Object.assign(items.at(-1) as QueryItem, more);
  return { query: { items }, after: 0 };
}

class Leader {
  readonly sequencer = new Sequencer();
  private next = KNOWN + 1;
  private appends = 0;

  constructor() {
    this.sequencer.lookupWaits(LOOKUP.appliedIndex);
  }

  append(stream: string, count: number): void {
    const append = this.of({ writes: [{ stream, expect: { kind: 'any' }, events: Array(count).fill(EVENT) }] }, count);
    const judged = this.judge(append, { position: KNOWN, matched: [] });
    if (judged.kind !== 'accepted') throw new Error(judged.kind);
    this.sequencer.proposed(append, judged, LOOKUP.appliedIndex + this.appends);
    this.next += count;
  }

  /** What `conditions` amount to, and in how many goes that was found before the judge. */
  conditional(conditions: readonly AppendCondition[], meanwhile: (go: number) => void = () => {}) {
    const { sequencer } = this;
    let seen: ConditionsSeen = { position: KNOWN, matched: conditions.map(() => false) };
    const compared: number[] = [];
    for (;;) {
      if (sequencer.readPending(Number.POSITIVE_INFINITY)) {
        if (sequencer.canJudge(conditions, seen)) break;
        const more = sequencer.seeInFlight(conditions, seen);
        compared.push(more.position - seen.position);
        seen = more;
      }
      meanwhile(compared.length);
    }
    const left = this.next - 1 - seen.position;
    const writes = [{ stream: 'mine', expect: { kind: 'any' as const }, events: [EVENT] }];
    const { kind } = this.judge(this.of({ writes, conditions }, 1), seen);
    return { kind, compared, left };
  }

  private judge(append: Append, seen: ConditionsSeen) {
    return this.sequencer.judge(append, LOOKUP, { nextPosition: this.next, createdUs: 5_000 }, 9_000, seen);
  }

  private of(more: Pick<Append, 'writes'> & Partial<Append>, eventCount: number): Append {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, ++this.appends);
    return { id, digest: id, conditions: [], attemptAgeMs: 0, eventCount, eventBytes: EVENT.length, ...more };
  }
}

describe('a wide condition, and many events in flight', () => {
  const breadth = widest().query.items.reduce((sum, item) => sum + breadthOf(item), 0);

  it('are compared in pieces, of which the judge is left less than one [C3, S4]', () => {
    const leader = new Leader();
    leader.append('a', 1_000);
    const { kind, compared, left } = leader.conditional([widest()]);
    expect(kind).toBe('accepted');
    expect(Math.max(...compared) * breadth).toBeLessThanOrEqual(COMPARISONS_MAX);
    expect(left * breadth).toBeLessThanOrEqual(COMPARISONS_MAX);
    expect(compared.reduce((sum, count) => sum + count, left)).toBe(1_000);
  });

  it('conflict wherever the event in flight stands that matches [S4]', () => {
    const piece = Math.floor(COMPARISONS_MAX / breadth);
    for (let at = 0; at <= 3 * piece; at++) {
      const leader = new Leader();
      if (at > 0) leader.append('a', at);
      leader.append('matched', 1);
      leader.append('a', 10 * piece - at);
      expect(leader.conditional([widest({ streamPrefixes: ['match'] })]).kind, `the event ${at}`).toBe('conflict');
      expect(leader.conditional([widest(), widest({ streams: ['matched'] })]).kind, `the event ${at}`).toBe('conflict');
    }
  });

  it('conflict where what matches is appended while they are compared [S3, S4]', () => {
    for (const when of [1, 5]) {
      const leader = new Leader();
      leader.append('a', 500);
      const once = (go: number) => go === when && leader.append('matched', 1);
      expect(leader.conditional([widest({ streamPrefixes: ['match'] })], once).kind).toBe('conflict');
    }
  });

  it('do not conflict by what stands before what the condition knows [S4]', () => {
    const leader = new Leader();
    leader.append('matched', 1);
    leader.append('a', 1_000);
    const known = { ...widest({ streamPrefixes: ['match'] }), after: KNOWN + 1 };
    expect(leader.conditional([known]).kind).toBe('accepted');
  });

  it('is left to the judge where its events are found by name, however many there are [C3]', () => {
    const leader = new Leader();
    leader.append('a', 10_000);
    const item = { types: ['T'], tags: ['a:1'], categories: ['a'], streams: [], streamPrefixes: ['a'] };
    const { compared, kind } = leader.conditional([{ query: { items: Array(128).fill(item) }, after: 0 }]);
    expect({ compared, kind }).toEqual({ compared: [], kind: 'accepted' });
    const common = { ...item, tags: [], streamPrefixes: ['b'] };
    expect(
      leader.conditional([{ query: { items: Array(128).fill(common) }, after: 0 }]).compared.length,
    ).toBeGreaterThan(1);
    // Most of them stand before what the condition knows.
    const known = { query: { items: Array(20).fill(common) }, after: KNOWN + 9_000 };
    expect(leader.conditional([known])).toMatchObject({ compared: [], kind: 'accepted' });
  });
});
