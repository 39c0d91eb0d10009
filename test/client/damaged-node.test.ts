import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { FactstoreClient, RecordedEvent } from '../../src/client/index.ts';
import { Nodes } from '../../src/client/nodes.ts';
import { watchProjection } from '../../src/client/projection-watch.ts';
import { Seen } from '../../src/client/session.ts';
import { Turns } from '../../src/client/turns.ts';
import { Upcasting } from '../../src/client/upcasting.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { FakeNode } from './fake-node.ts';
import { Bench, failure, numbered } from './helpers.ts';

let bench: Bench;
let db: FactstoreClient;

beforeEach(async () => {
  bench = await Bench.start();
  db = await filled(bench);
});

afterEach(() => bench.stop());

/** A client of nodes that have ten events. */
async function filled(nodes: Bench): Promise<FactstoreClient> {
  const client = await nodes.open();
  await client.append('a', numbered(0, 10));
  return client;
}

/** The same with so many nodes of their own. */
async function withNodes(count: number, work: (nodes: Bench, client: FactstoreClient) => Promise<void>): Promise<void> {
  const nodes = await Bench.start(count);
  try {
    await work(nodes, await filled(nodes));
  } finally {
    await nodes.stop();
  }
}

/** The node has lost the record behind so many events that it gives. */
function damage(node: FakeNode, events: number): void {
  node.readFailure = new FactstoreError('DATA_LOSS', `entry ${events + 1} is damaged`);
  node.failReadAfter = events;
}

const data = (events: readonly RecordedEvent[]) => events.map((event) => event.data);

/** What a subscription gives until it has caught up. */
async function followed(client: FactstoreClient, after = 0n): Promise<unknown[]> {
  const got: unknown[] = [];
  for await (const message of client.subscribe({ all: true, after })) {
    if (message.kind === 'caughtUp') break;
    got.push(message.event.data);
  }
  return got;
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

describe('where one node has lost a record that the others have [D7]', () => {
  test('a subscription goes on at another node, without a gap', async () => {
    damage(bench.node(0), 3);
    expect(await followed(db)).toEqual(ALL);
    expect(bench.node(1).subscriptions[0]).toMatchObject({ start: { kind: 'after', position: 3 } });
  });

  test('a read goes on at another node, without a gap', async () => {
    damage(bench.node(0), 3);
    expect(data(await db.read('a').toArray())).toEqual(ALL);
    damage(bench.node(1), 6);
    bench.node(0).failReadAfter = Number.POSITIVE_INFINITY;
    expect(data(await db.readAll().toArray())).toEqual(ALL);
  });

  test('a look-up and a watch are answered by another node', async () => {
    bench.node(0).lookupFailure = new FactstoreError('DATA_LOSS', 'a row is damaged');
    expect(await db.head()).toBe(10n);
    const clock = systemClock;
    const nodes = new Nodes(
      bench.cluster.nodes.map(({ address }) => address),
      clock,
    );
    const stop = new AbortController();
    const session = {
      nodes,
      clock,
      seen: new Seen(),
      turns: new Turns(clock),
      timeoutMs: 5_000,
      upcasting: new Upcasting(undefined),
      closing: stop.signal,
    };
    const watch = watchProjection(session, { name: 'totals' }, {}, ({ partition }) => partition);
    expect(await watch.next()).toEqual({ done: false, value: 'told by n1' });
    expect(await watch.next()).toEqual({ done: false, value: 'told by n2' });
    await watch.return();
    nodes.close();
  });

  test('nodes that have lost different records make up for each other', async () => {
    // Each fails behind the third event that it gives: the second one behind the sixth of all, which the first one has.
    damage(bench.node(0), 3);
    damage(bench.node(1), 3);
    const subscription = db.subscribe({ all: true });
    const got: unknown[] = [];
    for await (const message of subscription) {
      if (message.kind === 'caughtUp') break;
      got.push(message.event.data);
      if (got.length === 6) bench.node(0).failReadAfter = Number.POSITIVE_INFINITY;
    }
    expect(got).toEqual(ALL);
  });
});

describe('where every node has lost it [D7]', () => {
  test('a read, a subscription and a look-up end in DATA_LOSS, each node asked once', async () => {
    for (const node of bench.cluster.nodes) {
      damage(node, 0);
      node.lookupFailure = node.readFailure;
      // It answers before it comes to the damage, and has given nothing by that.
      node.quietMessages = 1;
    }
    expect(await failure(db.read('a').toArray())).toMatchObject({ code: 'DATA_LOSS' });
    expect(await failure(followed(db))).toMatchObject({ code: 'DATA_LOSS' });
    expect(await failure(db.head())).toMatchObject({ code: 'DATA_LOSS' });
    for (const node of bench.cluster.nodes) expect([node.reads.length, node.subscriptions.length]).toEqual([1, 1]);
  });

  test('so it is where the others cannot be reached, as a seed that is no more [D7]', async () => {
    await withNodes(2, async (nodes, client) => {
      damage(nodes.node(0), 0);
      // It answers before it comes to the damage.
      nodes.node(0).quietMessages = 1;
      nodes.node(1).kill();
      expect(await failure(followed(client))).toMatchObject({ code: 'DATA_LOSS' });
    });
  });

  test('so it is with one node alone', async () => {
    await withNodes(1, async (nodes, client) => {
      damage(nodes.node(0), 3);
      const got: unknown[] = [];
      const taking = async () => {
        for await (const event of client.read('a')) got.push(event.data);
      };
      expect(await failure(taking())).toMatchObject({ code: 'DATA_LOSS' });
      expect(got).toEqual([0, 1, 2]);
      expect(await failure(followed(client))).toMatchObject({ code: 'DATA_LOSS' });
    });
  });
});
