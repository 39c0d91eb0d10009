import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { matchesQuery, type Query, type QueryItem } from '../../src/model/query.ts';
import { PendingEvents, type ProposedEvents } from '../../src/sequencer/pending-events.ts';
import { encodeEvent, LogFixture, type ModelEvent } from '../storage/index/log-fixture.ts';

const STREAMS = ['a', 'order-1', 'order-2', '$$order-1', '-x'];
const TYPES = ['A', 'B', '$metadata'];
const TAGS = ['t:1', 't:2', 'common'];

function pick(prng: Prng, from: readonly string[], most: number): string[] {
  return Array.from({ length: prng.between(0, most + 1) }, () => from[prng.between(0, from.length)] as string);
}

function randomQuery(prng: Prng): Query {
  const item = (): QueryItem => ({
    types: pick(prng, TYPES, 2),
    tags: pick(prng, TAGS, 2),
    categories: pick(prng, ['a', 'order', '$$order', ''], 1),
    streams: pick(prng, STREAMS, 1),
    streamPrefixes: pick(prng, ['or', '$', 'a', '-'], 1),
  });
  return { items: Array.from({ length: prng.between(0, 3) }, item) };
}

describe('the events in flight', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`match as each of them does, whichever came, were read and are gone, seed ${seed} [S3, S4]`, () => {
      const prng = new Prng(seed);
      const log = new LogFixture();
      const pending = new PendingEvents();
      const entries: ProposedEvents[] = [];
      let gone = 0;
      for (let step = 0; step < 400; step++) {
        const what = prng.between(0, 10);
        if (what < 4) entries.push(propose(log, prng));
        else if (what < 6 && entries.length > 0) {
          const oldest = entries.shift() as ProposedEvents;
          pending.forget(oldest);
          gone = oldest.firstPosition + oldest.count - 1;
          pending.drop(prng.between(0, 4));
        } else if (what < 7) pending.read(entries, prng.between(1, 10));
        else {
          while (!pending.read(entries, prng.between(1, 10)));
          const query = randomQuery(prng);
          // Nobody asks for what is forgotten.
          const after = prng.between(gone, log.events.length + 2);
          const matches = (event: ModelEvent) => event.position > after && matchesQuery(query, event);
          expect(pending.hasMatch(query, after), JSON.stringify({ query, after })).toBe(log.events.some(matches));
        }
      }
    });
  }

  it('are forgotten one by one without moving those that stay, however many of a name are in flight [C3]', () => {
    const count = 5_000;
    const event = encodeEvent({ type: 'A', tags: ['common', 'common'] });
    const entries = Array.from({ length: count }, (_, n): ProposedEvents => {
      const placed = [{ stream: 'order-1', firstRevision: n, events: [event] }];
      return { index: n + 1, placed, firstPosition: n + 1, count: 1 };
    });
    const pending = new PendingEvents();
    pending.read(entries, count);
    const moved = movedDuring(() => {
      for (const entry of entries) {
        pending.forget(entry);
        pending.drop(1);
      }
    });
    // The lists of the type, the stream, the category and the tag, of all and of those of users; each gives back half at a time.
    expect(moved).toBeLessThan(count * 6 * 3);
    expect(pending.hasMatch({ items: [] }, 0)).toBe(false);
  });

  it('are dropped as fast as others are read, though only a few at once [C3]', () => {
    const log = new LogFixture();
    const prng = new Prng(1);
    const pending = new PendingEvents();
    const entries: ProposedEvents[] = [];
    for (let n = 0; n < 200; n++) {
      entries.push(propose(log, prng));
      pending.read(entries, 1_000);
      if (n >= 10) pending.forget(entries.shift() as ProposedEvents);
    }
    expect(pending.size).toBeLessThan(50);
    for (const entry of entries) pending.forget(entry);
    const { size } = pending;
    pending.drop(3);
    expect(pending.size).toBe(size - 3);
    pending.drop(100);
    expect(pending.size).toBe(0);
  });

  it('of the system match no condition on all events [S11]', () => {
    const pending = new PendingEvents();
    const event = (stream: string) => ({ stream, firstRevision: 0, events: [encodeEvent({ type: 'A', tags: [] })] });
    const entry = { index: 1, placed: [event('a'), event('$$a')], firstPosition: 1, count: 2 };
    pending.read([entry], 100);
    expect([pending.hasMatch({ items: [] }, 0), pending.hasMatch({ items: [] }, 1)]).toEqual([true, false]);
  });

  it('are forgotten with the term in which they were proposed', () => {
    const log = new LogFixture();
    const pending = new PendingEvents();
    const entries = [propose(log, new Prng(1))];
    pending.read(entries, 100);
    expect(pending.hasMatch({ items: [] }, 0)).toBe(true);
    pending.clear();
    expect(pending.hasMatch({ items: [] }, 0)).toBe(false);
    // The new term's entries may stand where the old one's stood.
    pending.read(entries, 100);
    expect(pending.hasMatch({ items: [] }, 0)).toBe(true);
  });
});

function propose(log: LogFixture, prng: Prng): ProposedEvents {
  const streams = new Set(['a', ...pick(prng, STREAMS, 2)]);
  const events = () => [{ type: pick(prng, TYPES, 1)[0] ?? 'A', tags: pick(prng, TAGS, 3) }];
  const writes = Array.from(streams, (stream) => ({ stream, events: events() }));
  const { index, firstPosition, count } = log.append({ writes });
  const placed = writes.map((write) => ({
    stream: write.stream,
    firstRevision: 0,
    events: write.events.map(encodeEvent),
  }));
  return { index, placed, firstPosition, count };
}

/** How many elements the arrays have that are shifted, spliced or sliced meanwhile. */
function movedDuring(work: () => void): number {
  let moved = 0;
  const originals = (['shift', 'splice', 'slice'] as const).map((name) => [name, Array.prototype[name]] as const);
  for (const [name, original] of originals) {
    const counting = function (this: unknown[], ...args: unknown[]): unknown {
      moved += this.length;
      return Reflect.apply(original, this, args);
    };
    Object.assign(Array.prototype, { [name]: counting });
  }
  try {
    work();
  } finally {
    for (const [name, original] of originals) Object.assign(Array.prototype, { [name]: original });
  }
  return moved;
}
