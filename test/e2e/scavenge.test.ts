import { randomBytes, randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import { cli } from '../support/cli.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let nodes: TestNodes;
afterEach(() => nodes.dispose());

/** A text of which hardly any four letters stand anywhere else, so that compression nearly always leaves it as it is. */
const secret = () => randomBytes(24).toString('base64url');

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

/** An entry of a stopped node is lost. */
async function damageEntry(directory: string, index: number): Promise<void> {
  const store = await LevelStore.open(join(directory, 'log'), RAFT_LOG_DATABASE);
  await store.write([{ type: 'del', key: entryKey(index) }], true);
  await store.close();
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

describe('the commands and calls for it', () => {
  /** Slow enough to be looked at and stopped. */
  const SLOW = { scavengeBytesPerSecond: 64 * 1024 };

  async function long(more: Record<string, unknown>): Promise<FactstoreClient> {
    nodes = await TestNodes.start(1, more);
    const db = await nodes.client();
    const data = { text: 'x'.repeat(30_000) };
    for (let n = 0; n < 20; n++) await db.append('log-1', [{ type: 'Logged', data }]);
    await db.streams.truncate('log-1', 19n);
    return db;
  }

  test('refuse a second scavenge while one runs, show how far it is, and stop it [R2]', async () => {
    const db = await long(SLOW);
    const run = (...args: readonly string[]) => cli(['scavenge', ...args, '--url', nodes.url]);
    expect((await run('stop')).stderr).toMatch(/scavenge: none is running\. Nothing was written/);
    expect((await run('status')).stdout).toMatch(/^NODE.*\nn1 .* none /);
    expect((await run('start')).stdout).toMatch(/^scavenging up to position 22; factstore scavenge status tells/);
    const second = await run('start');
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(
      /scavenge: one is running already, up to position 22: .*Wait until it is done, or stop it\. Nothing was written/,
    );
    await expect(db.admin.startScavenge()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      definite: true,
      details: { field: 'scavenge', state: 'running', point: '22' },
    });
    expect((await run('status')).stdout).toMatch(/\nn1 +127\S+ +running +22 +\d+ % +\d+ events +\d+ bytes/);
    expect((await run('stop')).stdout).toBe('stopped; what is erased stays erased\n');
    await until('it has stopped', async () => (await run('status')).stdout.includes('stopped'));
    const status = JSON.parse((await run('status', '--json')).stdout) as { events: number };
    expect(status).toMatchObject({ nodeId: 'n1', state: 'stopped', point: 22 });
    expect(status.events).toBeLessThan(19);
    // Of two at once, one is made.
    const both = await Promise.allSettled([db.admin.startScavenge(), db.admin.startScavenge()]);
    expect(both.map(({ status: how }) => how).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('are taken by every node, and each is made once however often it is repeated [S6] [S9] [R2]', async () => {
    nodes = await TestNodes.start(3, SLOW);
    const first = await nodes.client(await nodes.follower());
    const data = { text: 'x'.repeat(30_000) };
    for (let n = 0; n < 20; n++) await first.append('log-1', [{ type: 'Logged', data }]);
    await first.streams.truncate('log-1', 19n);
    const start = { appendId: randomUUID() };
    const stop = { appendId: randomUUID() };
    const others = await Promise.all([0, 1, 2].map((n) => nodes.client(n)));
    // All of them at once, as after answers that were lost; then one after another, also when it has long been stopped.
    const points = await Promise.all(others.map((db) => db.admin.startScavenge(start)));
    expect(new Set(points).size).toBe(1);
    for (const db of others) await db.admin.stopScavenge(stop);
    for (const db of others) expect(await db.admin.startScavenge(start)).toBe(points[0]);
    await first.cluster.transferLeadership();
    for (const db of others) expect(await db.admin.startScavenge(start)).toBe(points[0]);
    expect((await first.read('$scavenges').toArray()).map(({ type, id }) => [type, id])).toEqual([
      ['$scavengeStarted', start.appendId],
      ['$scavengeStopped', stop.appendId],
    ]);
    await expect(first.admin.startScavenge(stop)).rejects.toMatchObject({ code: 'APPEND_ID_REUSED' });
    await expect(first.admin.startScavenge({ appendId: 'one' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('go on after a restart where it was, and to the end [R2]', async () => {
    const db = await long(SLOW);
    const point = await db.admin.startScavenge();
    const figures = async () => {
      const [member] = await (await nodes.client()).admin.scavengeStatus();
      return member?.reachable ? member : undefined;
    };
    const before = await until('something is erased', async () => {
      const now = await figures();
      return now && now.events > 0n ? now : undefined;
    });
    await nodes.stopNode(0);
    await nodes.startNode(0, { scavengeBytesPerSecond: 64 << 20 });
    const done = await until('it is through', async () => {
      const now = await figures();
      return now?.state === 'done' ? now : undefined;
    });
    expect(done).toMatchObject({ point, events: 19n });
    expect(done.bytes).toBeGreaterThan(19n * 29_000n);
    expect(before.events).toBeLessThan(19n);
    await nodes.stopNode(0);
    await intact(nodes.data(0));
  });
});

describe('a follower', () => {
  test('that lags gets stubs, and comes out with the same chain and the same visible state [R2] [D4]', async () => {
    nodes = await TestNodes.start(3);
    const db = await nodes.client();
    await db.append('log-1', [{ type: 'First' }]);
    const behind = await nodes.follower();
    await nodes.stopNode(behind);
    const texts = Array.from({ length: 30 }, secret);
    for (const text of texts) await db.append('log-1', [{ type: 'Logged', data: { text }, tags: [`t:${text}`] }]);
    await db.streams.setMetadata('log-1', { maxCount: 4 });
    const leader = await nodes.leader();
    const point = await db.admin.startScavenge();
    await until('the others are through', async () => {
      const members = await db.admin.scavengeStatus();
      return members.filter((member) => member.reachable && member.state === 'done').length === 2;
    });
    // A leader that has forgotten what it had in memory sends what is on its disk.
    await nodes.stopNode(leader);
    await nodes.startNode(leader);
    await nodes.startNode(behind);
    await scavenged(db, point);
    const left = [27n, 28n, 29n, 30n];
    const own = await nodes.client(behind);
    expect((await own.read('log-1', { consistency: 'linearizable' }).toArray()).map((e) => e.revision)).toEqual(left);
    expect((await own.query({ types: ['Logged'] }).toArray()).map((e) => e.revision)).toEqual(left);
    const chains = await until('all have applied the same', async () => {
      const { members } = await db.cluster.status();
      const applied = members.flatMap((m) => (m.reachable ? [`${m.appliedIndex} ${m.chainHash}`] : []));
      return applied.length === 3 && new Set(applied).size === 1 ? applied : undefined;
    });
    expect(chains).toHaveLength(3);
    expect(await foundOnDisk(nodes.data(behind), texts.slice(0, -4))).toEqual([]);
    expect((await foundOnDisk(nodes.data(behind), texts.slice(-4))).length).toBeGreaterThan(0);
    await nodes.stopNode(behind);
    await intact(nodes.data(behind));
  });

  test('whose log peers mend with what it had erased, erases it again [R2] [D7]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const db = await nodes.client();
    const texts = Array.from({ length: 20 }, secret);
    for (const text of texts) await db.append('log-1', [{ type: 'Logged', data: { text } }]);
    // One that leads is needed for the fact, and one that does not get to scavenging keeps what was written.
    const [damaged, full] = [await nodes.follower(), 3 - (await nodes.follower()) - (await nodes.leader())];
    await nodes.stopNode(full);
    await nodes.startNode(full, { scavengeBytesPerSecond: 64 * 1024 });
    for (const text of ['y'.repeat(300_000)]) await db.append('other', [{ type: 'Large', data: { text } }]);
    await db.streams.truncate('log-1', 20n);
    const point = await db.admin.startScavenge();
    await until('it is through', async () => {
      const [member] = (await db.admin.scavengeStatus()).filter(({ nodeId }) => nodeId === `n${damaged + 1}`);
      return member?.reachable && member.state === 'done';
    });
    await nodes.stopNode(damaged);
    await damageEntry(nodes.data(damaged), 10);
    await nodes.startNode(damaged);
    await scavenged(db, point);
    expect(await foundOnDisk(nodes.data(damaged), texts)).toEqual([]);
    await nodes.stopNode(damaged);
    await intact(nodes.data(damaged));
  });
});

describe('a backup', () => {
  test.each([1, 3])(
    'of %i stopped nodes in the middle of a scavenge, restored, goes on with it and ends it [R2] [D4]',
    async (size) => {
      nodes = await TestNodes.start(size, { scavengeBytesPerSecond: 64 * 1024, shutdownTimeoutMs: 1_000 });
      const all = Array.from({ length: size }, (_, n) => n);
      const db = await nodes.client();
      const erased = Array.from({ length: 20 }, secret);
      const padding = 'x'.repeat(30_000);
      for (const text of erased)
        await db.append([
          { stream: 'log-1', events: [{ type: 'Logged', data: { text, padding }, tags: [`t:${text}`] }] },
          { stream: 'kept-1', events: [{ type: 'Kept', data: { padding }, tags: ['kept'] }] },
        ]);
      await db.append('log-1', [{ type: 'Logged', data: 'the last one' }]);
      await db.streams.truncate('log-1', 20n);
      const before = await db.readAll({ userEvents: true }).toArray();
      const point = await db.admin.startScavenge();
      const middle = await until('every node has erased something', async () => {
        const members = await db.admin.scavengeStatus();
        return members.every((member) => member.reachable && member.events > 0n) ? members : undefined;
      });
      await Promise.all(all.map((n) => nodes.stopNode(n)));
      expect(middle.every((member) => member.reachable && member.state === 'running')).toBe(true);
      const backup = (n: number) => `${nodes.data(n)}-backup`;
      for (const n of all) {
        await cp(nodes.data(n), backup(n), { recursive: true });
        await intact(backup(n));
        expect((await foundOnDisk(backup(n), erased)).length).toBeGreaterThan(0);
      }
      // What went on in the meantime is lost with the disks of then; nothing of it may matter.
      await Promise.all(all.map((n) => nodes.startNode(n, { scavengeBytesPerSecond: 64 << 20 })));
      await scavenged(await nodes.client(), point);
      await Promise.all(all.map((n) => nodes.stopNode(n)));

      await Promise.all(all.map((n) => nodes.startNode(n, { data: backup(n), scavengeBytesPerSecond: 64 << 20 })));
      const restored = await nodes.client();
      await scavenged(restored, point);
      expect(await restored.readAll({ userEvents: true }).toArray()).toEqual(before);
      expect(await restored.query({ tags: ['kept'] }).toArray()).toHaveLength(20);
      expect(await revisions(restored, 'log-1')).toEqual([20n]);
      for (const member of await restored.admin.scavengeStatus()) expect(member).toMatchObject({ events: 20n });
      await restored.append('log-1', [{ type: 'Logged', data: 'after the restore' }], { expect: 20n });
      for (const n of all) {
        await nodes.stopNode(n);
        await intact(backup(n));
        expect(await foundOnDisk(backup(n), erased)).toEqual([]);
      }
    },
  );
});

describe('a projection that is built after a scavenge', () => {
  test('is not given what was erased, neither from the log nor from memory, on any node [P1] [R2]', async () => {
    nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
    const db = await nodes.client();
    const names = ['Ada', 'Bob', 'Cleo'];
    for (const name of names) await db.append('person-1', [{ type: 'Named', data: { name } }]);
    await db.streams.erase('person-1', { from: 1n, to: 2n });
    await scavenged(db, await db.admin.startScavenge());
    // This one has nothing in memory from before the scavenge.
    const started = await nodes.follower();
    await nodes.stopNode(started);
    await nodes.startNode(started);
    const source = `fromCategory('person').when({
      $init: () => ({ names: [] }),
      Named(state, event) { state.names.push(event.data.name); },
    });`;
    const { position } = await db.projections.create('names', source);
    for (const n of [0, 1, 2]) {
      const own = await nodes.client(n);
      const { state } = await own.projections.state('names', '', { atLeast: position });
      expect(state, `of n${n + 1}`).toEqual({ names: ['Ada', 'Cleo'] });
    }
  });
});
