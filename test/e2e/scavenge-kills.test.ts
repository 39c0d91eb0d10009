import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { FactstoreClient } from '../../src/client/index.ts';
import { verifyDirectory } from '../../src/ops/verify.ts';
import { foundOnDisk } from '../support/disk-bytes.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';

let cluster: ProcessCluster | undefined;
let db: FactstoreClient | undefined;
afterEach(async () => {
  await db?.close();
  await cluster?.dispose();
});

describe('a scavenge whose node is killed again and again', () => {
  test('ends with what is hidden gone from the disk, and with everything else as it was [R2] [D4] [D5]', {
    timeout: 90_000,
  }, async () => {
    const prng = new Prng(11);
    // A second or two for all of it, and for the compaction behind it.
    cluster = await ProcessCluster.prepare(1, ['--scavenge-bytes-per-second', '6000000']);
    cluster.startAll();
    const [node] = cluster.nodes;
    if (!node) throw new Error('there is no node');
    db = await cluster.client();
    const erased: string[] = [];
    const pending: Promise<unknown>[] = [];
    for (let n = 0; n < 6_000; n++) {
      const text = randomBytes(24).toString('base64url');
      const events = [
        { type: 'Kept', data: { n } },
        { type: 'Erased', data: { text, more: randomBytes(150).toString('base64url') }, tags: [`t:${text}`] },
      ];
      pending.push(
        db.append([
          { stream: 'kept', events: [events[0]!] },
          { stream: 'gone', events: [events[1]!] },
        ]),
      );
      if (n % 50 === 0) erased.push(text);
      if (pending.length === 500) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
    await db.streams.truncate('gone', 6_000n);
    const kept = await db.read('kept').toArray();
    await db.admin.startScavenge();
    let kills = 0;
    const state = async () => {
      const [member] = (await db?.admin.scavengeStatus().catch(() => [])) ?? [];
      return member?.reachable ? member : undefined;
    };
    const through = new Set<bigint>();
    for (; kills < 6; kills++) {
      const wanted = BigInt(prng.between(1, 9) * 100);
      const from = (await until('it runs', state)).through;
      const at = await until('it has come further', async () => {
        const now = await state();
        return now && (now.state === 'done' || now.through > from + wanted) ? now : undefined;
      });
      through.add(at.through);
      await node.end('SIGKILL');
      node.start();
    }
    const done = await until('it is through', async () => {
      const now = await state();
      return now?.state === 'done' ? now : undefined;
    });
    expect(through.size).toBeGreaterThan(2);
    expect(done.events).toBe(6_000n);
    expect(await db.read('kept').toArray()).toEqual(kept);
    expect(await db.read('gone').toArray()).toEqual([]);
    expect(await foundOnDisk(node.data, erased)).toEqual([]);
    await node.end('SIGTERM');
    expect((await verifyDirectory(node.data, () => {})).damages).toEqual([]);
  });
});
