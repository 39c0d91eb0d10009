import { describe, expect, it } from 'vitest';
import type { Append, Expectation, Write } from '../../src/model/append.ts';
import { scanRecordedEvent } from '../../src/model/event.ts';
import { PayloadView } from '../../src/model/payload.ts';
import type { StreamHead, StreamState } from '../../src/model/stream.ts';
import { holds } from '../../src/sequencer/expectation.ts';
import { Overlay } from '../../src/sequencer/overlay.ts';
import type { KnownCursor, Lookup } from '../../src/sequencer/ports.ts';
import { type Accepted, Sequencer } from '../../src/sequencer/sequencer.ts';

const END = { nextPosition: 101, createdUs: 5_000 };

/** A NewEvent with an id of sixteen sevens and the type "T". */
const EVENT = Uint8Array.from([0x0a, 16, ...Array(16).fill(7), 0x12, 1, 0x54]);

let ids = 0;
function append(writes: Partial<Write>[], more: Partial<Append> = {}): Append {
  const id = new Uint8Array(16).fill(++ids);
  const full = writes.map((write) => ({
    stream: 'a',
    expect: { kind: 'any' } as Expectation,
    events: [EVENT],
    ...write,
  }));
  const eventCount = full.reduce((sum, write) => sum + write.events.length, 0);
  return {
    id,
    digest: id,
    writes: full,
    conditions: [],
    attemptAgeMs: 0,
    eventCount,
    eventBytes: eventCount * EVENT.length,
    ...more,
  };
}

function lookup(
  heads: Record<string, number> = {},
  cursors: Record<string, KnownCursor> = {},
  appliedIndex = 10,
): Lookup {
  return {
    appliedIndex,
    head: (stream): StreamHead => {
      const revision = heads[stream];
      if (revision === undefined) return { state: 'none', revision: -1 };
      return { state: 'exists', revision };
    },
    cursor: (producer) => cursors[producer],
  };
}

function accepted(sequencer: Sequencer, wanted: Append, look = lookup(), end = END): Accepted {
  const judgement = sequencer.judge(wanted, look, end, 9_000);
  if (judgement.kind !== 'accepted') throw new Error(`expected it to be accepted: ${JSON.stringify(judgement)}`);
  return judgement;
}

function written({ payload }: Accepted): Uint8Array {
  const bytes = Buffer.alloc(payload.length);
  payload.writeTo(bytes, 0);
  return bytes;
}

describe('expected states', () => {
  const head = (state: StreamState, revision: number): StreamHead => ({ state, revision });
  const rows: [
    string,
    StreamHead,
    boolean,
    [any: boolean, none: boolean, exists: boolean, rev4: boolean, rev5: boolean],
  ][] = [
    ['never written', head('none', -1), true, [true, true, false, false, false]],
    ['at head 4', head('exists', 4), true, [true, false, true, true, false]],
    ['at head 4 with all events hidden', head('exists', 4), true, [true, false, true, true, false]],
    ['deleted at head 4', head('deleted', 4), true, [true, true, false, true, false]],
    ['tombstoned at head 4 and written', head('tombstoned', 4), true, [false, false, false, false, false]],
    ['tombstoned at head 4 and only checked', head('tombstoned', 4), false, [true, false, false, false, false]],
  ];
  const expectations: Expectation[] = [
    { kind: 'any' },
    { kind: 'none' },
    { kind: 'exists' },
    { kind: 'revision', revision: 4 },
    { kind: 'revision', revision: 5 },
  ];
  for (const [name, state, writes, expected] of rows) {
    it(`judges a stream that is ${name} as the table says [S10]`, () => {
      expect(expectations.map((expectation) => holds(expectation, state, writes))).toEqual(expected);
    });
  }
});

describe('sequencer', () => {
  it('gives contiguous revisions and positions over several streams of one append', () => {
    const judged = accepted(
      new Sequencer(),
      append([
        { stream: 'a', events: [EVENT, EVENT] },
        { stream: 'b', events: [EVENT] },
      ]),
      lookup({ a: 4 }),
    );
    const payload = new PayloadView(written(judged), judged.count);
    const events = [0, 1, 2].map((n) => scanRecordedEvent(payload.event(n)));
    expect(events.map((event) => [event?.stream, event?.revision, event?.position])).toEqual([
      ['a', 5, 101],
      ['a', 6, 102],
      ['b', 0, 103],
    ]);
    expect(judged.writes).toEqual([
      { stream: 'a', revision: 6 },
      { stream: 'b', revision: 0 },
    ]);
  });

  it('judges against proposed entries that are not applied yet [S1]', () => {
    const sequencer = new Sequencer();
    const first = append([{ expect: { kind: 'none' } }]);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    const judgement = sequencer.judge(append([{ expect: { kind: 'none' } }]), lookup(), END, 9_000);
    expect(judgement).toMatchObject({
      kind: 'conflict',
      checks: [{ stream: 'a', actual: 'exists', actualRevision: 0 }],
    });
  });

  it('keeps what an older look-up does not know, also after it is applied, while that look-up waits [S3]', () => {
    const sequencer = new Sequencer();
    sequencer.lookupWaits(10);
    const first = append([{}]);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    sequencer.applied(11);
    expect(accepted(sequencer, append([{}]), lookup({}, {}, 10)).writes).toEqual([{ stream: 'a', revision: 1 }]);
    sequencer.lookupDone(10);
    expect(sequencer.overlaySize).toBe(0);
  });

  it('forgets an applied entry only as far as no newer one wrote the same stream [S3]', () => {
    const sequencer = new Sequencer();
    const [first, second] = [append([{}]), append([{}])];
    sequencer.proposed(first, accepted(sequencer, first), 11);
    sequencer.proposed(second, accepted(sequencer, second), 12);
    sequencer.applied(11);
    expect(accepted(sequencer, append([{}]), lookup({ a: 0 }, {}, 11)).writes).toEqual([{ stream: 'a', revision: 2 }]);
  });

  it('keeps nothing of an applied entry in memory [S3]', () => {
    const overlay = new Overlay();
    const id = new Uint8Array(16);
    const cursor = { producer: 'p', current: 7, appendId: id };
    const places = { placed: [], change: undefined, firstPosition: 1, count: 0 };
    overlay.add({ index: 11, appendKey: 'key', digest: id, writes: [{ stream: 'a', revision: 0 }], cursor, ...places });
    overlay.applied(11);
    expect([overlay.head('a'), overlay.append('key'), overlay.cursor('p')]).toEqual([undefined, undefined, undefined]);
  });

  it('forgets in pieces what a look-up held up for long, and what is left of it with what comes next [C3, S3]', () => {
    const overlay = new Overlay();
    const add = (index: number) => {
      const placed = [{ stream: 'a', firstRevision: index - 1, events: [EVENT] }];
      const writes = [{ stream: 'a', revision: index - 1 }];
      const none = { digest: EVENT, change: undefined, cursor: undefined };
      overlay.add({ index, appendKey: `${index}`, placed, writes, firstPosition: index, count: 1, ...none });
    };
    overlay.lookupWaits(0);
    const count = 5_000;
    for (let index = 1; index <= count; index++) add(index);
    overlay.readEvents(count);
    overlay.applied(count);
    expect([overlay.size, overlay.eventsRead]).toEqual([count, count]);
    overlay.lookupDone(0);
    expect([overlay.size, overlay.eventsRead]).toEqual([count - 1_000, count - 500]);
    expect(overlay.head('a')?.revision).toBe(count - 1);
    overlay.applied(count);
    expect([overlay.size, overlay.eventsRead]).toEqual([count - 2_000, count - 1_000]);
    for (let index = count + 1; index <= count + 10; index++) add(index);
    expect([overlay.size, overlay.eventsRead]).toEqual([10, 0]);
    expect([overlay.append('5000'), overlay.head('a')?.revision]).toEqual([undefined, count + 9]);
  });

  it('recognises an append id in flight before it judges anything else [S6]', () => {
    const sequencer = new Sequencer();
    const first = append([{ expect: { kind: 'none' } }]);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    expect(sequencer.inFlight(first)).toEqual({ kind: 'repeat', logIndex: 11 });
    const other = { ...first, digest: new Uint8Array(16) };
    expect(sequencer.inFlight(other)).toMatchObject({
      kind: 'refused',
      error: { code: 'APPEND_ID_REUSED', definite: true },
    });
  });

  it('drops the overlay with its leadership [DESIGN §7]', () => {
    const sequencer = new Sequencer();
    const first = append([{}]);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    sequencer.leadershipLost();
    expect(sequencer.inFlight(first)).toBeUndefined();
    expect(accepted(sequencer, append([{ expect: { kind: 'none' } }])).writes).toEqual([{ stream: 'a', revision: 0 }]);
  });

  it('never gives an event an earlier time than the last entry has [S15]', () => {
    const sequencer = new Sequencer();
    expect(accepted(sequencer, append([{}]), lookup(), { nextPosition: 1, createdUs: 50_000 }).createdUs).toBe(50_000);
    expect(accepted(sequencer, append([{}]), lookup(), { nextPosition: 1, createdUs: 100 }).createdUs).toBe(9_000);
  });

  it('does not change the state of streams that are only checked', () => {
    const sequencer = new Sequencer();
    const judged = accepted(
      sequencer,
      append([{ stream: 'a' }, { stream: 'b', events: [], expect: { kind: 'none' } }]),
    );
    expect(judged.writes).toEqual([{ stream: 'a', revision: 0 }]);
    expect(judged.count).toBe(1);
  });

  it('names every check that failed and writes nothing of the append', () => {
    const wanted = append([
      { stream: 'a', expect: { kind: 'revision', revision: 3 } },
      { stream: 'b', expect: { kind: 'exists' }, events: [] },
      { stream: 'c' },
    ]);
    const judgement = new Sequencer().judge(wanted, lookup({ a: 6 }), END, 9_000);
    expect(judgement).toMatchObject({
      kind: 'conflict',
      checks: [
        { stream: 'a', actual: 'exists', actualRevision: 6 },
        { stream: 'b', actual: 'none', actualRevision: -1 },
      ],
    });
  });
});

describe('producer cursors', () => {
  const known = { current: 5, appendId: new Uint8Array(16).fill(200), logIndex: 8 };
  const at = (previous: number, current: number, more: Partial<Append> = {}) =>
    append([{}], { producer: { producer: 'p', previous, current }, ...more });

  it('accept an append that goes on where the producer stopped [S7]', () => {
    expect(accepted(new Sequencer(), at(5, 9), lookup({}, { p: known })).count).toBe(1);
    expect(accepted(new Sequencer(), at(0, 1)).count).toBe(1);
  });

  it('take an append at or below the cursor for a repeat [S7]', () => {
    const look = lookup({}, { p: known });
    const sequencer = new Sequencer();
    expect(sequencer.judge(at(0, 5, { id: known.appendId }), look, END, 0)).toEqual({ kind: 'repeat', logIndex: 8 });
    expect(sequencer.judge(at(3, 4), look, END, 0)).toEqual({ kind: 'repeat', logIndex: undefined });
  });

  it('refuse a gap, and another append at the same place [S7]', () => {
    const look = lookup({}, { p: known });
    const sequencer = new Sequencer();
    for (const wanted of [at(6, 7), at(4, 6), at(4, 5)]) {
      expect(sequencer.judge(wanted, look, END, 0)).toMatchObject({
        kind: 'refused',
        error: { code: 'CURSOR_MISMATCH' },
      });
    }
  });

  it('know of appends that are proposed and not yet applied [S7]', () => {
    const sequencer = new Sequencer();
    const first = at(0, 1);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    expect(accepted(sequencer, at(1, 2)).count).toBe(1);
    expect(sequencer.judge(at(0, 1), lookup(), END, 0)).toMatchObject({ kind: 'refused' });
  });

  it('are forgotten only as far as no newer append moved them [S3, S7]', () => {
    const sequencer = new Sequencer();
    const [first, second] = [at(0, 1), at(1, 2)];
    sequencer.proposed(first, accepted(sequencer, first), 11);
    sequencer.proposed(second, accepted(sequencer, second), 12);
    sequencer.applied(11);
    const applied = { current: 1, appendId: first.id, logIndex: 11 };
    expect(accepted(sequencer, at(2, 3), lookup({}, { p: applied }, 11)).count).toBe(1);
    expect(sequencer.judge(second, lookup({}, { p: applied }, 11), END, 0)).toEqual({ kind: 'repeat', logIndex: 12 });
  });

  it('of a leadership that was lost count no more: their appends may never come to be [S5, S7]', () => {
    const sequencer = new Sequencer();
    const first = at(0, 1);
    sequencer.proposed(first, accepted(sequencer, first), 11);
    sequencer.leadershipLost();
    expect(accepted(sequencer, first).count).toBe(1);
  });
});
