import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let nodes: TestNodes;
afterEach(() => nodes.dispose());

/** A text that no compression makes another one of, and that stands nowhere else. */
const secret = () => randomBytes(16).toString('hex');

async function scavenged(db: FactstoreClient, point: bigint): Promise<void> {
  await until('every node is through', async () => {
    const members = await db.admin.scavengeStatus();
    return members.every((member) => member.reachable && member.state === 'done' && member.point >= point);
  });
}

async function revisions(db: FactstoreClient, stream: string): Promise<bigint[]> {
  return (await db.read(stream).toArray()).map(({ revision }) => revision);
}

async function intact(directory: string): Promise<void> {
  expect((await verifyDirectory(directory, () => {})).damages).toEqual([]);
}

describe('erasing events', () => {
  test('hides them at once from every read, query, subscription and condition [R1] [S11]', async () => {
    nodes = await TestNodes.start(1);
    const db = await nodes.client();
    const tag = 'person:7';
    const events = Array.from({ length: 6 }, (_, n) => ({ type: 'Said', data: { n }, tags: [tag] }));
    await db.append('talk-1', events);
    await db.streams.erase('talk-1', { from: 1n });
    await db.streams.erase('talk-1', { from: 3n, to: 5n });
    const left = [0n, 2n, 5n];
    expect(await revisions(db, 'talk-1')).toEqual(left);
    expect((await db.read('talk-1', { backwards: true }).toArray()).map(({ revision }) => revision)).toEqual(
      left.toReversed(),
    );
    expect((await db.query({ tags: [tag] }).toArray()).map(({ revision }) => revision)).toEqual(left);
    expect((await db.readAll({ userEvents: true }).toArray()).map(({ revision }) => revision)).toEqual(left);
    const seen: bigint[] = [];
    for await (const message of db.subscribe({ query: { tags: [tag] } })) {
      if (message.kind === 'caughtUp') break;
      if (message.kind === 'event') seen.push(message.event.revision);
    }
    expect(seen).toEqual(left);
    expect(await db.streams.get('talk-1')).toMatchObject({ headRevision: 5n, firstRevision: 0n, count: 3n });
    const condition = (after: bigint) => ({ conditions: [{ failIfEventsMatch: { tags: [tag] }, after }] });
    await db.streams.erase('talk-1', { from: 5n });
    await db.append('other', [{ type: 'Done' }], condition(3n));
    await expect(db.append('other', [{ type: 'Done' }], condition(2n))).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('is refused for what is not there, with the field and what to do', async () => {
    nodes = await TestNodes.start(1);
    const db = await nodes.client();
    await db.append('a', [{ type: 'A' }, { type: 'B' }]);
    const refused = (stream: string, from: number, to?: number) =>
      db.streams.erase(stream, { from, to }).catch(({ code, definite, message }) => ({ code, definite, message }));
    const definite = true;
    expect(await refused('a', 1, 3)).toMatchObject({
      ...{ code: 'OUT_OF_RANGE', definite },
      message: expect.stringMatching(/change\.erase\.to is 3, but stream "a" ends at revision 1\. Nothing was written/),
    });
    expect(await refused('a', 1, 1)).toMatchObject({ code: 'INVALID_ARGUMENT', definite });
    expect(await refused('none', 0)).toMatchObject({ code: 'NOT_FOUND', definite });
    expect(await refused('$$a', 0)).toMatchObject({ definite });
    expect(await refused('a', -1)).toMatchObject({ code: 'INVALID_ARGUMENT', definite });
    await db.streams.tombstone('a');
    expect(await refused('a', 0)).toMatchObject({ code: 'FAILED_PRECONDITION', definite });
  });
});

describe('a scavenge', () => {
  test('takes what is hidden from the disks of all nodes, and nothing else [R2] [D4]', async () => {
    nodes = await TestNodes.start(3);
    const db = await nodes.client();
    const erased: string[] = [];
    for (let n = 0; n < 40; n++) {
      const logged = secret();
      // Two streams in one append, of which one will be hidden.
      await db.append([
        { stream: 'log-1', events: [{ type: 'Logged', data: { text: logged }, tags: [`t:${logged}`] }] },
        { stream: 'kept-1', events: [{ type: 'Kept', data: { text: secret() } }] },
      ]);
      if (n < 35 || n === 37) erased.push(logged);
    }
    expect(await foundOnDisk(nodes.data(0), erased)).toEqual(erased);
    await db.streams.setMetadata('log-1', { maxCount: 5 });
    await db.streams.erase('log-1', { from: 37 });
    const before = await db.readAll({ userEvents: true }).toArray();
    await scavenged(db, await db.admin.startScavenge());
    expect(await revisions(db, 'log-1')).toEqual([35n, 36n, 38n, 39n]);
    expect(await db.readAll({ userEvents: true }).toArray()).toEqual(before);
    expect(await db.query({ types: ['Logged'] }).toArray()).toHaveLength(4);
    for (const node of [0, 1, 2]) {
      expect(await foundOnDisk(nodes.data(node), erased)).toEqual([]);
      await nodes.stopNode(node);
      await intact(nodes.data(node));
    }
    await Promise.all([0, 1, 2].map((node) => nodes.startNode(node)));
    expect(await (await nodes.client()).readAll({ userEvents: true }).toArray()).toEqual(before);
  });
});
