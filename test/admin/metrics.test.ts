import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECTIONS_TOLD, tellOfProjections } from '../../src/admin/projection-metrics.ts';
import { Readings } from '../../src/admin/readings.ts';
import { formatAddress } from '../../src/config/values.ts';
import { scrape } from '../support/metrics.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

describe('the metrics of three nodes', () => {
  let nodes: TestNodes;
  beforeAll(async () => {
    nodes = await TestNodes.start(3);
  });
  afterAll(() => nodes.dispose());
  const metrics = (n: number) => scrape(formatAddress(nodes.node(n).address));

  it('tell role, term and whom the followers acknowledge', async () => {
    const db = await nodes.client();
    await db.append('a', [{ type: 'T', data: 1 }]);
    const leader = await nodes.leader();
    const follower = await nodes.follower();
    const [first, second] = await Promise.all([metrics(leader), metrics(follower)]);
    expect(first.get('factstore_raft_role{role="leader"}')).toBe(1);
    expect(second.get('factstore_raft_role{role="leader"}')).toBe(0);
    expect(second.get('factstore_raft_role{role="follower"}')).toBe(1);
    expect(first.get('factstore_raft_term')).toBe(second.get('factstore_raft_term'));
    expect(first.get('factstore_raft_leader_changes_total')).toBeGreaterThan(0);
    const member = `{member="${nodes.node(follower).nodeId}"}`;
    await until('the follower has acknowledged everything', async () => {
      const figures = await metrics(leader);
      return figures.get(`factstore_raft_follower_lag_entries${member}`) === 0;
    });
    expect(first.get(`factstore_peer_reachable${member}`)).toBe(1);
    expect(second.has(`factstore_raft_follower_match_index${member}`)).toBe(false);
  });

  it('count syncs, bytes and commits as they happen, on every node', async () => {
    const db = await nodes.client();
    const leader = await nodes.leader();
    const before = await metrics(leader);
    for (let i = 0; i < 10; i++) await db.append('b', [{ type: 'T', data: 'x'.repeat(1000) }]);
    const after = await metrics(leader);
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown('factstore_log_sync_seconds_count')).toBeGreaterThanOrEqual(10);
    expect(grown('factstore_log_batch_bytes_sum')).toBeGreaterThan(10_000);
    expect(grown('factstore_log_batch_rows_sum')).toBeGreaterThanOrEqual(20);
    expect(grown('factstore_raft_commit_seconds_count')).toBe(10);
    expect(grown('factstore_raft_commit_seconds_sum')).toBeGreaterThan(0);
    expect(grown('factstore_head_position')).toBe(10);
    const figures = await metrics(await nodes.follower());
    expect(figures.get('factstore_raft_commit_seconds_count')).toBe(0);
  });

  it('count calls by method and the code that they ended in', async () => {
    const leader = await nodes.leader();
    const db = await nodes.client(leader);
    const before = await metrics(leader);
    await db.head();
    await db.read('a', { from: 0n }).toArray();
    await expect(db.streams.get('\u0000')).rejects.toThrow();
    const after = await metrics(leader);
    const grown = (method: string, code: string) => {
      const name = `factstore_grpc_calls_total{method="/factstore.v1.${method}",code="${code}"}`;
      return (after.get(name) ?? 0) - (before.get(name) ?? 0);
    };
    expect(grown('Events/Head', 'OK')).toBe(1);
    expect(grown('Events/Read', 'OK')).toBe(1);
    expect(grown('Streams/Get', 'INVALID_ARGUMENT')).toBe(1);
    expect(after.get('factstore_grpc_call_seconds_count{method="/factstore.v1.Events/Head"}')).toBeGreaterThan(0);
  });

  it('tell what a client that goes away leaves open: nothing', async () => {
    const leader = await nodes.leader();
    const db = await nodes.client(leader);
    const gone = new AbortController();
    const messages = db.subscribe({ all: true, signal: gone.signal })[Symbol.asyncIterator]();
    await messages.next();
    const during = await metrics(leader);
    expect(during.get('factstore_subscriptions')).toBe(1);
    gone.abort();
    await messages.next().catch(() => undefined);
    const cancelled = 'factstore_grpc_calls_total{method="/factstore.v1.Events/Subscribe",code="CANCELLED"}';
    await until('the subscription has ended', async () => {
      const figures = await metrics(leader);
      return figures.get('factstore_subscriptions') === 0 && figures.get(cancelled) === 1;
    });
  });

  it('tell of the process: memory, and the delay of the event loop', async () => {
    const figures = await metrics(0);
    expect(figures.get('process_resident_memory_bytes')).toBeGreaterThan(10 << 20);
    expect(figures.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect(figures.get('factstore_disk_free_bytes')).toBeGreaterThan(0);
  });

  it('tell of the projections that a node runs: what they have processed, how far behind they are, and faults', async () => {
    const db = await nodes.client();
    const source = (handlers: string) => `fromAll().when({ ${handlers} })`;
    await db.projections.create('totals', source('Counted: (state = 0) => state + 1'));
    await db.projections.create('breaks', source('Counted: () => { throw new Error("no") }'));
    await db.append(
      'counted',
      [1, 2, 3].map((n) => ({ type: 'Counted', data: { n } })),
    );
    const figures = await until('both have come to the events, on a follower', async () => {
      const now = await metrics(await nodes.follower());
      const done = now.get('factstore_projections{state="faulted"}') === 1;
      return done && (now.get('factstore_projection_events_total{projection="totals"}') ?? 0) >= 3 && now;
    });
    expect(figures.get('factstore_projections{state="running"}')).toBe(1);
    expect(figures.get('factstore_projection_faulted{projection="breaks"}')).toBe(1);
    expect(figures.get('factstore_projection_faulted{projection="totals"}')).toBe(0);
    expect(figures.get('factstore_projection_lag_positions{projection="breaks"}')).toBeGreaterThan(0);
    expect(figures.get('factstore_projection_outbox_appends{projection="totals"}')).toBe(0);
    expect(figures.get('factstore_projection_memory_bytes{projection="totals"}')).toBeGreaterThan(0);
    for (const name of ['totals', 'breaks']) await db.projections.delete(name);
    await until('deleted ones are told of no more', async () => {
      const now = await metrics(await nodes.follower());
      return ![...now.keys()].some((key) => key.includes('projection="'));
    });
  });
});

describe('the lag of a subscription', () => {
  it('grows while its client does not read, and is gone with it', async () => {
    const nodes = await TestNodes.start(1);
    try {
      const address = formatAddress(nodes.node(0).address);
      const db = await nodes.client();
      const gone = new AbortController();
      const messages = db.subscribe({ all: true, signal: gone.signal })[Symbol.asyncIterator]();
      const { revision } = await db.append('s', [{ type: 'T', data: '' }]);
      expect(revision).toBe(0n);
      await messages.next();
      // Far more than the buffers between the two hold.
      const large = 'x'.repeat(512 << 10);
      for (let i = 0; i < 40; i++) await db.append('s', [{ type: 'T', data: large }]);
      const figures = await scrape(address);
      expect(figures.get('factstore_subscription_lag_positions')).toBeGreaterThan(5);
      gone.abort();
      await until('no subscription is open', async () => {
        const after = await scrape(address);
        return after.get('factstore_subscriptions') === 0 && after.get('factstore_subscription_lag_positions') === 0;
      });
    } finally {
      await nodes.dispose();
    }
  });
});

describe('the metrics of many projections', () => {
  it('have figures of their own for a bounded number of them, and count all', async () => {
    const registry = new Registry();
    const many = Array.from({ length: 3 * PROJECTIONS_TOLD }, (_, n) => ({
      name: `p"${n}`,
      state: n % 3 === 0 ? ('faulted' as const) : ('running' as const),
      lag: n,
      outbox: 0,
      memoryBytes: 0,
      processed: n,
    }));
    tellOfProjections(new Readings(registry), () => many);
    const lines = (await registry.metrics()).split('\n');
    const told = lines.filter((line) => line.startsWith('factstore_projection_lag_positions{'));
    expect(told).toHaveLength(PROJECTIONS_TOLD);
    expect(told[7]).toBe('factstore_projection_lag_positions{projection="p\\"7"} 7');
    expect(lines).toContain(`factstore_projections{state="faulted"} ${PROJECTIONS_TOLD}`);
    expect(lines).toContain(`factstore_projections{state="running"} ${2 * PROJECTIONS_TOLD}`);
  });
});
