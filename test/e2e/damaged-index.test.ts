import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { Kind, kindRange } from '../../src/storage/index/keys.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { eachRow, type Operation } from '../../src/storage/store.ts';
import { runCli } from '../support/run-cli.ts';
import { TestNodes } from '../support/test-node.ts';

let nodes: TestNodes;
afterEach(() => nodes.dispose());

/** More than three blocks of the index: of those that are full no more than two wait to be written. */
const EVENTS = 51_000;

async function fill(client: FactstoreClient): Promise<void> {
  const events = Array.from({ length: 1_000 }, (_, i) => ({ type: 'Counted', data: { i }, tags: [`tag:${i % 10}`] }));
  for (let i = 0; i < EVENTS; i += events.length) await client.append(`s-${i}`, events);
}

async function tagged(client: FactstoreClient): Promise<number> {
  return (await client.query({ tags: ['tag:3'] }).toArray()).length;
}

/** Changes the rows of a name in the index of a stopped node, as a bad disk does: LevelDB gives wrong values. */
async function damageRows(data: string, kind: Kind, name: string): Promise<void> {
  const options = { writeBufferBytes: 1 << 20, tableBytes: 8 << 20, cacheBytes: 0 };
  const store = await LevelStore.open(join(data, 'index'), options);
  const scan = store.scan(kindRange(kind));
  const rows = (await scan.next(1_000)).filter(([key]) => key.includes(`${name}\0`));
  await scan.close();
  expect(rows.length).toBeGreaterThan(0);
  const operations = rows.map(([key, value]): Operation => {
    const changed = Buffer.from(value);
    changed[0]! ^= 4;
    return { type: 'put', key, value: changed };
  });
  await store.write(operations, true);
  await store.close();
}

describe('a damaged index', () => {
  test.each([
    ['cannot be opened', (index: string) => writeFile(join(index, 'CURRENT'), 'MANIFEST-000001')],
    ['has lost a part of a table', cutTable],
  ])('is built anew when the node starts, where it %s, also on a node alone [D5]', async (_, damage) => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client());
    await nodes.stopNode(0);
    await nodes.startNode(0);
    await nodes.stopNode(0);
    await damage(join(nodes.data(0), 'index'));
    await nodes.startNode(0);
    expect(await tagged(await nodes.client())).toBe(EVENTS / 10);
  });

  test.each([
    ['a query', Kind.tag, 'tag:3', (client: FactstoreClient) => tagged(client)],
    ['an append', Kind.head, 's-0', (client: FactstoreClient) => client.append('s-0', [{ type: 'Counted', data: {} }])],
    ['a read of a stream', Kind.stream, 's-0', (client: FactstoreClient) => client.read('s-0').toArray()],
  ])('that %s meets ends the node, which builds it anew when it starts again [D5]', async (_, kind, name, use) => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client());
    await nodes.stopNode(0);
    await damageRows(nodes.data(0), kind, name);
    const node = await nodes.startNode(0);
    await expect(use(await nodes.client())).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect(await node.ended).toMatchObject({ code: 'DATA_LOSS', message: expect.stringMatching(/^index: the row/) });
    expect(node.mendable).toBe(true);
    await nodes.stopNode(0);
    await nodes.startNode(0);
    const client = await nodes.client();
    expect(await tagged(client)).toBe(EVENTS / 10);
    expect(await client.append('s-0', [{ type: 'Counted', data: {} }])).toMatchObject({ revision: 1_000n });
  });

  test('that hides rows from a query is never taken for the whole: the query is refused, or complete [D7]', async () => {
    nodes = await TestNodes.start(1);
    await fill(await nodes.client());
    await nodes.stopNode(0);
    await hideRow(nodes.data(0));
    const { stdout } = await runCli(['verify', nodes.data(0), '--json']);
    expect(JSON.parse(stdout).damages).toContainEqual(
      expect.stringMatching(/^table .*\.ldb: the checksum of its block at \d+ is wrong \(.*delete index/),
    );
    const node = await nodes.startNode(0);
    const found = await nodes
      .client()
      .then((client) => client.query({ tags: ['tag:0'] }).toArray())
      .catch((error) => error);
    expect(found).toMatchObject({ code: expect.stringMatching(/^(DATA_LOSS|UNAVAILABLE)$/) });
    expect(await node.ended).toMatchObject({ code: 'DATA_LOSS', message: expect.stringMatching(/^table .*\.ldb: /) });
    expect(node.mendable).toBe(true);
    await nodes.stopNode(0);
    await nodes.startNode(0);
    expect(await (await nodes.client()).query({ tags: ['tag:0'] }).toArray()).toHaveLength(EVENTS / 10);
  });
});

/** Has the rows of a tag stand in a table of their own, whose first key has a flipped bit: LevelDB does not find that row. */
async function hideRow(data: string): Promise<void> {
  const index = join(data, 'index');
  const options = { writeBufferBytes: 1 << 20, tableBytes: 8 << 20, cacheBytes: 0 };
  const tables = async () => (await readdir(index)).filter((name) => name.endsWith('.ldb'));
  const change = async (use: (store: LevelStore) => Promise<unknown>) => {
    const store = await LevelStore.open(index, options);
    await use(store);
    await store.close();
  };
  const { from, to } = kindRange(Kind.tag);
  const rows: [Buffer, Buffer][] = [];
  await change(async (store) => {
    await eachRow(store, { from, to }, (key, value) => rows.push([key, value]));
    await store.write(
      rows.map(([key]) => ({ type: 'del', key })),
      true,
    );
    await store.compact(Uint8Array.of(0), Uint8Array.of(0xff), new AbortController().signal);
  });
  const before = new Set(await tables());
  await change((store) =>
    store.write(
      rows.map(([key, value]) => ({ type: 'put', key, value })),
      true,
    ),
  );
  // What is in the write-ahead file when a database is opened becomes a table.
  await change(async () => undefined);
  const [made, ...more] = (await tables()).filter((name) => !before.has(name));
  expect(more).toEqual([]);
  const bytes = await readFile(join(index, made as string));
  const at = bytes.indexOf('tag:0');
  expect(at).toBeGreaterThan(0);
  bytes[at]! ^= 0x40;
  await writeFile(join(index, made as string), bytes);
}

async function cutTable(index: string): Promise<void> {
  const tables = (await readdir(index)).filter((name) => name.endsWith('.ldb'));
  expect(tables).not.toHaveLength(0);
  for (const name of tables) await truncate(join(index, name), 1_000);
}
