import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { conflictOf, type FactstoreClient, type FactstoreError, type Query } from '../../src/client/index.ts';
import { Collected, jsonLines } from '../cli/harness.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const refusal = (attempt: Promise<unknown>): Promise<FactstoreError> =>
  attempt.then(
    () => expect.unreachable('a refusal was expected'),
    (error: FactstoreError) => error,
  );

let nodes: TestNodes;
let clients: FactstoreClient[];
let db: FactstoreClient;

beforeAll(async () => {
  nodes = await TestNodes.start(3);
  clients = await Promise.all([0, 1, 2].map((n) => nodes.client(n)));
  db = await nodes.client();
  await db.append([
    {
      stream: 'order-1',
      events: [
        { type: 'Placed', data: 1, tags: ['customer:7', 'shop:1'] },
        { type: 'Paid', data: 2 },
      ],
    },
    { stream: 'order-2', events: [{ type: 'Placed', data: 3, tags: ['customer:8', 'shop:1'] }] },
    { stream: 'invoice-1', events: [{ type: 'Sent', data: 4, tags: ['customer:7'] }] },
  ]);
});
afterAll(() => nodes.dispose());

describe('a query', () => {
  const data = async (client: FactstoreClient, query: Query, options = {}) =>
    (await client.query(query, options).toArray()).map((event) => event.data);

  it('finds by types, tags, categories, streams and their beginnings, on any node', async () => {
    for (const client of clients) {
      expect(await data(client, { tags: ['customer:7'] })).toEqual([1, 4]);
      expect(await data(client, { types: ['Placed', 'Sent'], tags: ['shop:1'] })).toEqual([1, 3]);
      expect(await data(client, [{ types: ['Paid'] }, { tags: ['customer:8'] }])).toEqual([2, 3]);
      expect(await data(client, { categories: ['order'], types: ['Placed'] }, { backwards: true })).toEqual([3, 1]);
      expect(await data(client, { streams: ['order-1'], types: ['Paid'] })).toEqual([2]);
      expect(await data(client, { streams: ['inv*', 'order-2'] })).toEqual([3, 4]);
      expect(await data(client, { all: true }, { limit: 2, from: 2n })).toEqual([2, 3]);
      expect(await data(client, { tags: ['nobody'] })).toEqual([]);
    }
  });

  it('tells its head, behind which a condition on it is safe [Q1]', async () => {
    for (const client of clients) {
      const read = client.query({ tags: ['customer:7'] });
      const { head } = await read.start();
      expect(head).toBe(await client.head());
      expect(await read.toArray()).toHaveLength(2);
    }
  });

  it('begins at a position or a time, at every level of consistency, on any node', async () => {
    const { createdUs, position } = await db.append('timed-1', [{ type: 'Timed', data: 'b', tags: ['timed'] }]);
    const before = createdUs - 1n;
    const later = await db.append('timed-2', [{ type: 'Timed', data: 'c', tags: ['timed'] }]);
    const query = { tags: ['timed'] };
    for (const client of clients) {
      for (const consistency of ['linearizable', { atLeast: later.position }] as const) {
        expect(await data(client, query, { fromTime: before, consistency })).toEqual(['b', 'c']);
        expect(await data(client, query, { fromTime: before, backwards: true, consistency })).toEqual([]);
        expect(await data(client, query, { fromTime: later.createdUs, backwards: true, limit: 1 })).toEqual(['c']);
        expect(await data(client, query, { after: position, consistency })).toEqual(['c']);
        expect(await data(client, query, { from: position, backwards: true, consistency })).toEqual(['b']);
      }
      // What this client has seen is never taken back, also where it asks for what the node has.
      expect(await data(client, query, { consistency: 'local' })).toEqual(['b', 'c']);
    }
  });

  it('within one stream begins at a revision, in both directions', async () => {
    await db.append(
      'long-1',
      Array.from({ length: 40 }, (_, n) => ({ type: n % 4 === 0 ? 'Fourth' : 'Other', data: n })),
    );
    await db.append('long-2', [{ type: 'Fourth', data: 'of another' }]);
    await db.streams.erase('long-1', { from: 24n });
    const query = { streams: ['long-1'], types: ['Fourth'] };
    for (const client of clients) {
      expect(await data(client, query, { fromRevision: 20n })).toEqual([20, 28, 32, 36]);
      expect(await data(client, query, { fromRevision: 24n, limit: 1 })).toEqual([28]);
      expect(await data(client, query, { fromRevision: 8n, backwards: true })).toEqual([8, 4, 0]);
      expect(await data(client, query, { fromRevision: 100n, backwards: true, limit: 2 })).toEqual([36, 32]);
      expect(await data(client, query, { fromRevision: 100n })).toEqual([]);
      expect(await data(client, { streams: ['never'] }, { fromRevision: 0n, backwards: true })).toEqual([]);
    }
    for (const wide of [{ types: ['Fourth'] }, { streams: ['long-1', 'long-2'] }, { streams: ['long-*'] }]) {
      const error = await refusal(db.query(wide, { fromRevision: 1n }).toArray());
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', definite: true, details: { field: 'from_revision' } });
    }
    const both = await refusal((async () => db.query(query, { fromRevision: 1n, from: 1n }).toArray())());
    expect(both).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'from' } });
  });

  it('that makes no sense is refused with the field', async () => {
    const cases: [Query, string, string][] = [
      [{}, 'INVALID_ARGUMENT', 'query'],
      [[], 'INVALID_ARGUMENT', 'query'],
      [{ tag: ['x'] } as Query, 'INVALID_ARGUMENT', 'query.tag'],
      [{ tags: 'x' } as unknown as Query, 'INVALID_ARGUMENT', 'query.tags'],
      [{ tags: ['x'.repeat(257)] }, 'LIMIT_EXCEEDED', 'query.items[0].tags[0]'],
      [{ types: Array.from({ length: 65 }, (_, n) => `T${n}`) }, 'LIMIT_EXCEEDED', 'query.items[0].types'],
      [Array.from({ length: 10_000 }, () => ({ tags: ['x'] })), 'LIMIT_EXCEEDED', 'query.items'],
      [{ streams: ['*'] }, 'INVALID_ARGUMENT', 'query.items[0].stream_prefixes[0]'],
    ];
    for (const [query, code, field] of cases) {
      const error = await refusal((async () => db.query(query).toArray())());
      expect(error, error.message).toMatchObject({ code, details: { field } });
    }
  });
});

describe('a condition of an append', () => {
  it('is judged on the leader, through any node, and its conflict tells what has changed [S4, S12]', async () => {
    for (const [n, client] of clients.entries()) {
      const query = { tags: [`name:${n}`] };
      const { head } = await client.query(query).start();
      const conditions = [{ failIfEventsMatch: query, after: head }];
      const named = [{ type: 'Named', data: n, tags: [`name:${n}`] }];
      await client.append(`user-${n}`, named, { conditions });
      const error = await refusal(clients[(n + 1) % 3]!.append(`other-${n}`, named, { conditions }));
      const conflict = conflictOf(error);
      expect(conflict?.checks).toEqual([]);
      expect(conflict?.conditions).toMatchObject([{ index: 0, cut: false, events: [{ type: 'Named', data: n }] }]);
      expect(error.message).toBe(
        `append to "other-${n}" refused: condition 0 does not hold: since its position there is Named. Nothing was written. Read what has changed and decide anew.`,
      );
      const again = [{ failIfEventsMatch: query, after: conflict?.position }];
      await client.append(`other-${n}`, named, { conditions: again });
    }
  });

  it('that makes no sense is refused with the field', async () => {
    const events = [{ type: 'T' }];
    const one = { failIfEventsMatch: { tags: ['x'] } };
    const many = await refusal(db.append('a', events, { conditions: Array(17).fill(one) }));
    expect(many).toMatchObject({ code: 'LIMIT_EXCEEDED', definite: true, details: { field: 'conditions' } });
    const beyond = await refusal(db.append('a', events, { conditions: [{ ...one, after: 1_000_000n }] }));
    expect(beyond).toMatchObject({ code: 'OUT_OF_RANGE', details: { field: 'conditions[0].after' } });
    const empty = await refusal(db.append('a', events, { conditions: [{ failIfEventsMatch: {} }] }));
    expect(empty).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'conditions[0].failIfEventsMatch' } });
  });
});

describe('a subscription to a query', () => {
  it('gives what matches, history first, then live, with checkpoints beyond what does not [Q3]', async () => {
    for (const client of clients) {
      const subscription = client.subscribe({ query: { types: ['Live'], tags: ['here'] } });
      const stream = `live-${clients.indexOf(client)}`;
      const given: unknown[] = [];
      for await (const message of subscription) {
        if (message.kind === 'event') {
          if (message.event.stream === stream) given.push(message.event.data);
          if (given.length === 2) break;
        } else {
          await db.append(stream, [
            { type: 'Live', data: 1, tags: ['here'] },
            { type: 'Live', data: 2, tags: ['there'] },
            { type: 'Other', data: 3, tags: ['here'] },
            { type: 'Live', data: 4, tags: ['here', 'too'] },
          ]);
        }
      }
      expect(given).toEqual([1, 4]);
      expect(subscription.checkpoint).toBe(await db.head());
    }
  });
});

describe('a subscription whose matches are rare', () => {
  it('tells how far it has looked, so that what did not match need not be looked at again', async () => {
    const subscription = db.subscribe({ query: { tags: ['rare'] }, fromNow: true });
    const waiting = subscription.next();
    expect((await waiting).value).toMatchObject({ kind: 'caughtUp' });
    const next = subscription.next();
    const events = Array.from({ length: 1_000 }, (_, n) => ({ type: 'Common', data: n }));
    for (let n = 0; n < 25; n++) await db.append('common', events);
    const head = await db.head();
    await until('the checkpoint has moved', () => (subscription.checkpoint ?? 0n) > head - 10_000n);
    await db.append('rare', [{ type: 'Common', data: 'rare', tags: ['rare'] }]);
    expect((await next).value).toMatchObject({ kind: 'event', event: { data: 'rare' } });
    await subscription.return();
  });
});

describe('the command line', () => {
  it('follows a query with the same flags', async () => {
    const follow = async (...flags: string[]) => {
      const interrupt = new AbortController();
      const stdout = new Collected();
      stdout.onText = (text) => text.includes('caughtUp') && interrupt.abort();
      const io = { stdin: Readable.from([]), stdout, stderr: new Collected(), env: {}, signal: interrupt.signal };
      expect(await runCli(['subscribe', ...flags, '--json', '--url', nodes.url], io)).toBe(0);
      return (jsonLines(stdout.text) as { data?: unknown }[]).flatMap((line) => ('data' in line ? [line.data] : []));
    };
    expect(await follow('--type', 'Placed', '--tag', 'customer:7')).toEqual([1]);
    expect(await follow('--category', 'order', '--type', 'Placed')).toEqual([1, 3]);
    expect(await follow('--stream', 'inv*')).toEqual([4]);
    expect(await follow('--where', '[{"types": ["Paid"]}, {"tags": ["customer:8"]}]', '--after', '2')).toEqual([3]);
  });

  it('queries with flags, and with items joined by OR', async () => {
    const lines = async (...args: string[]) => {
      const { code, stdout, stderr } = await cli(['query', ...args, '--json', '--url', nodes.url]);
      expect([code, stderr]).toEqual([0, '']);
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).data);
    };
    expect(await lines('--type', 'Placed', '--tag', 'customer:7')).toEqual([1]);
    expect(await lines('--tag', 'shop:1', '--backwards', '--limit', '1')).toEqual([3]);
    expect(await lines('--where', '[{"types": ["Paid"]}, {"tags": ["customer:8"]}]')).toEqual([2, 3]);
    expect(await lines('--stream', 'inv*')).toEqual([4]);
    expect(await lines('--stream', 'order-1', '--from-revision', '1')).toEqual([2]);
    const taken = ['--type', 'Named', '--tag', 'name:cli', '--fail-if-events-match', '[{"tags": ["name:cli"]}]'];
    const first = await cli(['append', 'cli-1', ...taken, '--json', '--url', nodes.url]);
    expect([first.code, first.stderr]).toEqual([0, '']);
    const second = await cli(['append', 'cli-2', ...taken, '--url', nodes.url]);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('since its position there is Named')]);
    const { position } = JSON.parse(first.stdout);
    expect(await cli(['append', 'cli-2', ...taken, '--after', `${position}`, '--url', nodes.url])).toMatchObject({
      code: 0,
    });
    const wrong = await cli(['query', '--url', nodes.url]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('say what to look for')]);
  });
});
