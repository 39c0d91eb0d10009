import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient, RecordedEvent } from '../../src/client/index.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const LINKS = `fromCategory('order').when({
  OrderPlaced: (state, event) => { linkTo('placed', event); },
  OrderClosed: (state, event) => { linkStreamTo('closed', event.stream); },
});`;

const CONTENT_TYPE = 'application/vnd.factstore.link+json';

describe('links are followed on a read when that is asked', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    for (const [n, total] of [5, 7, 11].entries()) {
      await db.append(`order-${n + 1}`, [{ type: 'OrderPlaced', data: { total } }, { type: 'OrderClosed' }]);
    }
    await db.projections.create('links', LINKS);
    for (const stream of ['placed', 'closed']) {
      await until('the links are there', async () => (await db.read(stream).toArray()).length === 3);
    }
    await db.streams.truncate('order-2', 1);
    // What anybody may have written.
    await db.append(
      'strange',
      [
        JSON.stringify({ stream: 'order-1', revision: 7 }),
        JSON.stringify({ stream: 'nowhere', revision: 0, position: 1 }),
        JSON.stringify({ stream: 'order-1', revision: 0, position: 2 }),
        JSON.stringify({ stream: 'placed', revision: 0 }),
        '{"stream":',
      ].map((data) => ({ type: 'Link', data: Buffer.from(data), contentType: CONTENT_TYPE })),
    );
  });
  afterAll(async () => {
    await nodes.dispose();
  });

  /** The place of an event, and what it leads to. */
  function shown({ stream, revision, linked }: RecordedEvent): unknown[] {
    if (!linked) return [stream, Number(revision), undefined];
    const { event, dead } = linked;
    return [stream, Number(revision), event ? [event.stream, Number(event.revision), event.data] : dead];
  }

  const PLACED = [
    ['placed', 0, ['order-1', 0, { total: 5 }]],
    ['placed', 1, 'hidden'],
    ['placed', 2, ['order-3', 0, { total: 11 }]],
  ];

  it('beside each link comes the event, with its own place, or why there is none', async () => {
    const events = await db.read('placed', { resolveLinks: true, appendIds: true }).toArray();
    expect(events.map(shown)).toEqual(PLACED);
    expect(events[0]?.linked?.event).toMatchObject({ type: 'OrderPlaced', position: 1n });
    expect(events[0]?.position).toBeGreaterThan(6n);
    expect(new Set(events.map(({ appendId }) => appendId)).size).toBe(3);
    expect((await db.read('closed', { resolveLinks: true }).toArray()).map(shown)).toEqual(
      [0, 1, 2].map((n) => ['closed', n, 'wholeStream']),
    );
    expect((await db.read('strange', { resolveLinks: true }).toArray()).map(shown)).toEqual([
      ['strange', 0, 'neverWritten'],
      ['strange', 1, 'neverWritten'],
      ['strange', 2, 'neverWritten'],
      ['strange', 3, ['placed', 0, { stream: 'order-1', revision: 0, position: 1 }]],
      ['strange', 4, undefined],
    ]);
    expect((await db.read('placed').toArray()).map(({ linked }) => linked)).toEqual([undefined, undefined, undefined]);
  });

  it('by queries, backwards, from everything, and by subscriptions', async () => {
    const query = { types: ['Link'] };
    const backwards = await db.query(query, { resolveLinks: true, backwards: true, limit: 100 }).toArray();
    expect(backwards.map(shown).filter(([stream]) => stream === 'placed')).toEqual([...PLACED].reverse());
    const all = await db.readAll({ resolveLinks: true, userEvents: true }).toArray();
    expect(all.map(shown).filter(([stream]) => stream === 'placed')).toEqual(PLACED);
    expect(all.filter(({ stream, linked }) => stream.startsWith('order-') && linked)).toEqual([]);
    const followed: unknown[] = [];
    for await (const message of db.subscribe({ stream: 'placed', resolveLinks: true })) {
      if (message.kind === 'caughtUp') break;
      followed.push(shown(message.event));
    }
    expect(followed).toEqual(PLACED);
  });

  it('what was erased is not shown by a link to it', async () => {
    await db.append('order-4', [{ type: 'OrderPlaced', data: { total: 13 } }]);
    await until('it is linked', async () => (await db.read('placed').toArray()).length === 4);
    await db.streams.tombstone('order-4');
    const point = await db.admin.startScavenge();
    await until('it is erased', async () =>
      (await db.admin.scavengeStatus()).every(
        (node) => node.reachable && node.state === 'done' && node.point === point,
      ),
    );
    expect(shown((await db.read('placed', { resolveLinks: true, backwards: true, limit: 1 }).toArray())[0]!)).toEqual([
      'placed',
      3,
      'hidden',
    ]);
  });

  it('large events that are linked come in several messages', async () => {
    const text = 'x'.repeat(700_000);
    for (let n = 0; n < 8; n++) await db.append('order-9', [{ type: 'OrderPlaced', data: { n, text } }]);
    const links = await until('all are linked', async () => {
      const events = await db.read('placed', { from: 4n, resolveLinks: true }).toArray();
      return events.length === 8 && events;
    });
    expect(links.map(({ linked }) => (linked?.event?.data as { n: number } | undefined)?.n)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    expect((await db.read('placed', { from: 4n, resolveLinks: true, limit: 3 }).toArray()).map(shown)).toHaveLength(3);
  });

  it('on the command line, for people and as JSON', async () => {
    const { stdout } = await cli(['read', 'placed', '--resolve-links', '--limit', '2', '--json', '--url', nodes.url]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { stream: 'placed', revision: 0, linked: { stream: 'order-1', revision: 0, data: { total: 5 } } },
      { stream: 'placed', revision: 1, linked: { dead: 'hidden' } },
    ]);
    const people = await cli(['read', 'placed', '--resolve-links', '--limit', '2', '--url', nodes.url]);
    expect(people.stdout).toMatch(/placed@0 {2}Link {2}-> order-1@0 {2}OrderPlaced {2}{"total":5}/);
    expect(people.stdout).toMatch(/placed@1 {2}Link {2}.*-> hidden or erased/);
  });
});
