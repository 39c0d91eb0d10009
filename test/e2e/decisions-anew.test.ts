import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';

/** What the second decision sees is what a read shows then, though the conflict told what came since the first one. */

let nodes: TestNodes;
let db: FactstoreClient;

beforeAll(async () => {
  nodes = await TestNodes.start(1);
  db = await nodes.client();
});
afterAll(() => nodes.dispose());

type Meanwhile = (stream: string) => Promise<unknown>;

const cases: [string, Meanwhile][] = [
  ['deleted', (stream) => db.streams.delete(stream)],
  ['truncated', (stream) => db.streams.truncate(stream, 1n)],
  ['erased', (stream) => db.streams.erase(stream, { from: 0n })],
  ['given a count', (stream) => db.streams.setMetadata(stream, { maxCount: 2 })],
  ['left as it is', async () => undefined],
];
const event = (type: string, stream: string) => ({ type, tags: [`of:${stream}`] });

/** What each decision saw, and what a read shows where the last one was made. */
interface Seen {
  readonly decisions: string[][];
  shown: string[];
}

describe.each([
  ['with no count', {}],
  ['that shows its last two events', { maxCount: 2 }],
  ['that shows an hour', { maxAgeMs: 3_600_000 }],
])('of a stream %s', (name, metadata) => {
  const prepare = async (stream: string) => {
    if (Object.keys(metadata).length > 0) await db.streams.setMetadata(stream, metadata);
    await db.append(stream, [event('Opened', stream), event('Deposited', stream)]);
  };

  it.each(cases)(
    'update decides anew on what can be read, where it was %s and written to meanwhile [R1]',
    async (kind, meanwhile) => {
      const stream = `${kind}-${name}`;
      await prepare(stream);
      const seen: Seen = { decisions: [], shown: [] };
      await db.update(stream, async (events, { attempt }) => {
        seen.decisions.push(events.map(({ type }) => type));
        if (attempt === 1) {
          await meanwhile(stream);
          await db.append(stream, [{ type: 'Reopened' }]);
        }
        seen.shown = (await db.read(stream).toArray()).map(({ type }) => type);
        return [{ type: 'Closed' }];
      });
      expect(seen.decisions).toEqual([['Opened', 'Deposited'], seen.shown]);
    },
  );

  it.each(cases)('decide does, too, where it was %s [R1] [S11]', async (kind, meanwhile) => {
    const stream = `decided-${kind}-${name}`;
    await prepare(stream);
    const query = { tags: [`of:${stream}`] };
    const seen: Seen = { decisions: [], shown: [] };
    await db.decide(query, async (events, { attempt }) => {
      seen.decisions.push(events.map(({ type }) => type));
      if (attempt === 1) {
        await meanwhile(stream);
        await db.append(stream, [event('Reopened', stream)]);
      }
      seen.shown = (await db.query(query).toArray()).map(({ type }) => type);
      return [{ stream: 'decisions', events: [{ type: 'Closed' }] }];
    });
    expect(seen.decisions).toEqual([['Opened', 'Deposited'], seen.shown]);
  });
});

it('decide does so, too, where only a stream that it writes to was not as expected [R1]', async () => {
  await db.append('from', [event('Opened', 'from')]);
  const decisions: string[][] = [];
  await db.decide({ tags: ['of:from'] }, async (events, { attempt }) => {
    decisions.push(events.map(({ type }) => type));
    if (attempt === 1) {
      await db.streams.delete('from');
      await db.append('to', [{ type: 'Taken' }]);
    }
    return [{ stream: 'to', expect: attempt === 1 ? 'none' : 'any', events: [{ type: 'Closed' }] }];
  });
  expect(decisions).toEqual([['Opened'], []]);
});
