import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { encodeReadRequest } from '../../src/proto/read.ts';
import { eventsService } from '../../src/proto/services.ts';
import { encodeSubscribeRequest } from '../../src/proto/subscribe.ts';
import { Kind, kindRange } from '../../src/storage/index/keys.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { PromiseFile } from '../../src/storage/promise-file.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { RaftLogReader } from '../../src/storage/raft-log-reader.ts';
import { readHardState } from '../../src/storage/raft-log-recovery.ts';
import { encodeHardState, entryKey, hardStateKey } from '../../src/storage/raft-log-rows.ts';
import { type EntryRecord, sealEntry } from '../../src/storage/record.ts';
import { eachRow, type Operation } from '../../src/storage/store.ts';
import { scrape } from '../support/metrics.ts';
import { RawClient, type RawOutcome } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

const EVERYTHING = encodeSubscribeRequest({ target: { kind: 'all' }, start: undefined, userEvents: false });

let nodes: TestNodes;
afterEach(() => nodes.dispose());

async function fill(client: FactstoreClient, appends: number, events: number): Promise<void> {
  const batch = Array.from({ length: events }, (_, i) => ({ type: 'Counted', data: { i }, tags: [`tag:${i % 10}`] }));
  await Promise.all(Array.from({ length: appends }, (_, i) => client.append(`s-${i % 10}`, batch)));
}

/** Also once it is mended: whoever watches may not have looked in the moment between. */
async function damagesTold(n: number): Promise<number | undefined> {
  return (await scrape(formatAddress(nodes.node(n).address))).get('factstore_damages_total');
}

describe('a scrubber', () => {
  test('finds a lost row of the index that no query would miss, and has the index built anew [D5]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client(), 51, 1_000);
    await nodes.stopNode(0);
    const options = { writeBufferBytes: 1 << 20, tableBytes: 8 << 20, cacheBytes: 0 };
    const store = await LevelStore.open(join(nodes.data(0), 'index'), options);
    const keys: Buffer[] = [];
    await eachRow(store, kindRange(Kind.tag), (key) => keys.push(key));
    await store.write([{ type: 'del', key: keys[0] as Buffer }], true);
    await store.close();
    const node = await nodes.startNode(0);
    expect(await node.ended).toMatchObject({ message: expect.stringMatching(/^index: block 0 has \d+ rows, but was/) });
    expect(node.mendable).toBe(true);
    await nodes.stopNode(0);
    await nodes.startNode(0);
    const client = await nodes.client();
    expect(await client.query({ tags: ['tag:0'] }).toArray()).toHaveLength(5_100);
    expect(await damagesTold(0)).toBe(1);
  });

  test('finds a damaged entry that nobody reads, and peers mend it [D7]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const client = await nodes.client();
    // A start verifies the last 10,000 entries.
    await fill(client, 10_200, 1);
    const n = await nodes.follower();
    await nodes.stopNode(n);
    const store = await LevelStore.open(join(nodes.data(n), 'log'), RAFT_LOG_DATABASE);
    await store.write([{ type: 'del', key: entryKey(30) }], true);
    await store.close();
    const node = await nodes.startNode(n);
    expect(await node.ended).toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(/entry 30: it is missing/),
    });
    await nodes.stopNode(n);
    await nodes.startNode(n);
    await until('it is back, and whole', async () => {
      const { members } = await client.cluster.status();
      const member = members.find(({ nodeId }) => nodeId === `n${n + 1}`);
      return member?.reachable && member.notReady === '';
    });
    expect(await damagesTold(n)).toBe(1);
  });
});

/**
 * Starts nodes, forges the log of a follower, and tells which one, how it says that it is fenced, and how a subscription
 * ended that was open at it.
 */
async function fenced(size: number): Promise<{ n: number; told: string; open: Promise<RawOutcome> }> {
  nodes = await TestNodes.start(size, {
    ...{ shutdownTimeoutMs: 1_000, chainCheckSeconds: 1 },
    // The first entry of a new leader would not continue the forged log, and end the node.
    electionTimeoutMs: 5_000,
  });
  const client = await nodes.client();
  await fill(client, 20, 1);
  const n = await nodes.follower();
  await until('it knows that all is committed', async () => {
    const { members } = await client.cluster.status();
    return new Set(members.map((member) => member.reachable && member.appliedIndex)).size === 1;
  });
  await nodes.stopNode(n);
  await forgeEntry(nodes.data(n));
  const again = await nodes.startNode(n);
  const raw = new RawClient(nodes.urls[n] as string);
  const { path } = eventsService.Subscribe;
  const open = raw.serverStream(path, EVERYTHING, Number.POSITIVE_INFINITY, 15_000).finally(() => raw.close());
  let ended: Error | undefined;
  void again.ended.then((error) => {
    ended = error;
  });
  const told = await until('it is fenced', async () => {
    if (ended) throw ended;
    const { members } = await client.cluster.status();
    const member = members.find((one) => one.nodeId === `n${n + 1}`);
    return member?.reachable && member.notReady.includes('another history') && member.notReady;
  });
  return { n, told, open };
}

describe('a node whose log has another history than those of a majority', () => {
  test('serves nothing any more, and says what to do [D4, Q3]', async () => {
    const { n, told, open } = await fenced(3);
    expect(told).toMatch(/their chain hashes at entry \d+ differ.*move its data directory away/);
    // Whoever followed it by then goes elsewhere.
    const { messages, error } = await open;
    expect(messages.length).toBeGreaterThan(0);
    expect(error).toMatchObject({ code: 'NOT_READY', message: expect.stringContaining(told) });
    const raw = new RawClient(nodes.urls[n] as string);
    const request = { backwards: false, start: undefined, limit: 0, userEvents: true };
    const all = encodeReadRequest({ ...request, target: { kind: 'all' }, consistency: { kind: 'local' } });
    expect(await raw.serverStream(eventsService.Read.path, all)).toMatchObject({ error: { code: 'NOT_READY' } });
    raw.close();
    for (const other of [0, 1, 2].filter((one) => one !== n))
      expect(nodes.node(other).role).toMatch(/^(leader|follower)$/);
    // From the first moment of its next life on, whoever could be asked by then.
    for (const other of [0, 1, 2]) await nodes.stopNode(other);
    await nodes.startNode(n);
    const again = new RawClient(nodes.urls[n] as string);
    const answer = await again.serverStream(eventsService.Read.path, all);
    expect(answer).toMatchObject({ error: { code: 'NOT_READY', message: expect.stringContaining(told) } });
    again.close();
  });

  test('is told by its leader where there are only two, and serves no more [D4, Q3]', async () => {
    const { n, told } = await fenced(2);
    expect(told).toMatch(/goes on with that of its leader.*move its data directory away/);
    expect(nodes.node(1 - n).role).toBe('leader');
  });
});

/** Gives the last entry that is known to be committed in a stopped node's log, and all behind it, another time. */
async function forgeEntry(data: string): Promise<void> {
  const store = await LevelStore.open(join(data, 'log'), RAFT_LOG_DATABASE);
  const reader = new RaftLogReader(store, data);
  const row = (await readHardState(reader))!;
  reader.moveTo(row.lastIndex, row.commit);
  const [before, ...records] = (await reader.read(row.commit - 1, row.lastIndex, 1 << 20)) as [EntryRecord];
  let { chain } = before;
  const operations: Operation[] = [];
  for (const { index, term, type, firstPosition, count, createdUs, payload } of records as EntryRecord[]) {
    // Later, not earlier: the one before it may be of the same microsecond, and time must not go back in a log.
    const entry = { index, term, type, firstPosition, count, createdUs: createdUs + 1, payload: Buffer.from(payload) };
    const forged = sealEntry(entry, chain);
    operations.push({ type: 'put', key: entryKey(index), value: forged.bytes });
    chain = forged.chain;
  }
  operations.push({ type: 'put', key: hardStateKey(row.lastIndex), value: encodeHardState({ ...row, chain }) });
  await store.write(operations, true);
  await store.close();
  const promises = await PromiseFile.open(join(data, 'promise'));
  promises.write({ ...promises.read(), lastIndex: row.lastIndex, chain });
  await promises.sync();
  await promises.close();
}
