import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { conflictOf, type FactstoreClient, type Upcasters } from '../../src/client/index.ts';
import { Bench, failure } from './helpers.ts';

let bench: Bench;
let old: FactstoreClient;
let db: FactstoreClient;

/** Version 1 had one name, version 2 two of them, version 3 an object. */
const UPCASTERS: Upcasters = {
  Named: {
    1: ({ name }) => ({ first: name.split(' ')[0], last: name.split(' ')[1] }),
    2: (data, { stream }) => ({ person: data, of: stream }),
  },
  Late: { 4: (data) => [...data, 'from 4'] },
};

const V3 = { person: { first: 'Ada', last: 'Lovelace' }, of: 'a' };

beforeEach(async () => {
  bench = await Bench.start(1);
  old = await bench.open();
  db = await bench.open({ upcasters: UPCASTERS });
  await old.append('a', [
    { type: 'Named', data: { name: 'Ada Lovelace' } },
    { type: 'Named', data: { first: 'Ada', last: 'Lovelace' }, schemaVersion: 2 },
    { type: 'Named', data: V3, schemaVersion: 3 },
    { type: 'Named', data: 'from the future', schemaVersion: 4 },
    { type: 'Other', data: { name: 'x' } },
    { type: 'Late', data: ['old'], schemaVersion: 3 },
    { type: 'Late', data: ['new'], schemaVersion: 4 },
  ]);
});

afterEach(() => bench.stop());

const EXPECTED = [
  [V3, 3, 1],
  [V3, 3, 2],
  [V3, 3, 3],
  ['from the future', 4, 4],
  [{ name: 'x' }, 1, 1],
  [['old'], 3, 3],
  [['new', 'from 4'], 5, 4],
];

interface Event {
  readonly data: unknown;
  readonly schemaVersion: number;
  readonly storedVersion: number;
}

const shown = (event: Event) => [event.data, event.schemaVersion, event.storedVersion];

describe('upcasters', () => {
  test('bring old events from version to version, and leave what is newer, older or of other types', async () => {
    expect((await db.read('a').toArray()).map(shown)).toEqual(EXPECTED);
    expect((await db.query({ types: ['Named', 'Other', 'Late'] }).toArray()).map(shown)).toEqual(EXPECTED);
    expect((await old.read('a').toArray()).map((event) => event.schemaVersion)).toEqual([1, 2, 3, 4, 1, 3, 4]);
  });

  test('are applied to subscriptions, to the events of a conflict, and before a decision', async () => {
    const followed: unknown[] = [];
    for await (const message of db.subscribe({ all: true })) {
      if (message.kind === 'caughtUp') break;
      followed.push(shown(message.event));
    }
    expect(followed).toEqual(EXPECTED);
    const conditions = [{ failIfEventsMatch: { types: ['Named'] } }];
    const refused = await failure(db.append('a', [{ type: 'T' }], { expect: 'none', conditions }));
    const conflict = conflictOf(refused);
    expect(conflict?.checks[0]?.events.map(shown)).toEqual(EXPECTED);
    expect(conflict?.conditions[0]?.events.map(shown)).toEqual(EXPECTED.slice(0, 4));
    await db.decide({ types: ['Named'] }, (events) => {
      expect(events.map(shown)).toEqual(EXPECTED.slice(0, 4));
      return undefined;
    });
    await db.update('a', (events) => {
      expect(events.map(shown)).toEqual(EXPECTED);
      return undefined;
    });
  });

  test('leave the stored bytes as they are, and run once for an event', async () => {
    let runs = 0;
    const counting = await bench.open({ upcasters: { Named: { 1: () => ++runs } } });
    const [event] = await counting.read('a', { limit: 1 }).toArray();
    expect(JSON.parse(Buffer.from(event!.dataBytes).toString())).toEqual({ name: 'Ada Lovelace' });
    expect(runs).toBe(0);
    expect([event!.data, event!.data, runs]).toEqual([1, 1, 1]);
  });

  test('that fail, fail where the data is looked at', async () => {
    const failing = await bench.open({
      upcasters: {
        Named: {
          1: () => {
            throw new RangeError('no name');
          },
        },
      },
    });
    const [event] = await failing.read('a', { limit: 1 }).toArray();
    expect(() => event!.data).toThrow(RangeError);
    expect(event!.type).toBe('Named');
  });

  test('with a gap, or that are none, are refused at once', async () => {
    const refusal = async (upcasters: unknown) =>
      (await failure(bench.open({ upcasters: upcasters as Upcasters }))).message;
    expect(await refusal({ T: { 1: String, 3: String } })).toBe('upcasters.T: there is no step from version 2 to 3');
    expect(await refusal({ T: { 0: String } })).toMatch(/^upcasters.T: its steps are not named after schema versions/);
    expect(await refusal({ T: { x: String } })).toMatch(/^upcasters.T: its steps are not named after schema versions/);
    expect(await refusal({ T: { 1: 'x' } })).toBe('upcasters.T.1: is not a function');
    expect(await refusal({ T: null })).toBe('upcasters.T: steps are expected, not null');
  });
});
