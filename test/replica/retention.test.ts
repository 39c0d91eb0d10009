import { describe, expect, it } from 'vitest';
import type { Append } from '../../src/model/append.ts';
import type { StreamChange } from '../../src/model/retention.ts';
import { anAppend, ELECTION_MS, ReplicaCluster } from '../support/replica-cluster.ts';

/** A change of a stream, with the id of a new append. */
function aChange(change: StreamChange): Append {
  const { id, digest } = anAppend('any', ['T']);
  return { id, digest, writes: [], conditions: [], change, attemptAgeMs: 0, eventCount: 1, eventBytes: 600 };
}

const MINUTE = 60_000;

describe('a stream whose events hide by age', () => {
  it('loses them on every node while nobody appends, because the leader carries the time of the log on [R1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    const metadata = { maxAgeMs: 2 * MINUTE };
    await cluster.settled(leader.append(aChange({ kind: 'metadata', metadata, stream: 'a' })));
    await cluster.time.run(MINUTE);
    for (const node of cluster.nodes) expect(await cluster.settled(node.types('a'))).toEqual(['A']);
    await cluster.time.run(3 * MINUTE);
    for (const node of cluster.nodes) expect(await cluster.settled(node.types('a'))).toEqual([]);
  });

  it('costs nothing where there is none: the log of an idle cluster stays as it is [R1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    await cluster.settled(leader.append(aChange({ kind: 'metadata', metadata: { maxCount: 1 }, stream: 'a' })));
    const { index } = leader.replica.logEnd();
    await cluster.time.run(3 * MINUTE);
    expect(leader.replica.logEnd().index).toBe(index);
  });

  it('costs nothing any more once it is tombstoned, as nothing of it is left to hide [R1]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    const metadata = { maxAgeMs: 2 * MINUTE };
    await cluster.settled(leader.append(aChange({ kind: 'metadata', metadata, stream: 'a' })));
    await cluster.settled(leader.append(aChange({ kind: 'tombstone', stream: 'a' })));
    const { index } = leader.replica.logEnd();
    await cluster.time.run(3 * MINUTE);
    expect(leader.replica.logEnd().index).toBe(index);
  });
});

describe('a change of a stream across a change of leader', () => {
  it('that its first leader did not answer is there once, and its repeat finds it [S6] [S8]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A', 'B'])));
    const remove = aChange({ kind: 'delete', stream: 'a' });
    const open = leader.append(remove).catch((error: unknown) => error);
    await cluster.time.run(4);
    cluster.isolate(leader);
    const successor = await cluster.leader(leader);
    const repeat = await cluster.settled(successor.append({ ...remove, attemptAgeMs: 1 }));
    expect(repeat).toMatchObject({ kind: 'appended', writes: [{ stream: '$$a', revision: 0 }] });
    await cluster.settled(successor.append(anAppend('a', ['C'], { expect: { kind: 'none' } })));
    cluster.heal();
    await cluster.settled(open);
    await cluster.time.run(ELECTION_MS);
    const again = await cluster.settled(successor.append({ ...remove, attemptAgeMs: 2 }));
    expect(again).toMatchObject({ repeated: true });
    for (const node of cluster.nodes) {
      expect(await cluster.settled(node.types('a'))).toEqual(['C']);
      expect(await cluster.settled(node.types('$$a'))).toEqual(['$streamDeleted']);
    }
  });

  it('that never left its first leader is forgotten with it: the stream is as it was [S3]', async () => {
    const cluster = await ReplicaCluster.start(3);
    const leader = await cluster.leader();
    await cluster.settled(leader.append(anAppend('a', ['A'])));
    cluster.isolate(leader);
    const open = leader.append(aChange({ kind: 'tombstone', stream: 'a' })).catch((error: unknown) => error);
    const successor = await cluster.leader(leader);
    await cluster.settled(successor.append(anAppend('a', ['B'], { expect: { kind: 'revision', revision: 0 } })));
    cluster.heal();
    expect(await cluster.settled(open)).toMatchObject({ definite: true });
    await cluster.time.run(ELECTION_MS);
    for (const node of cluster.nodes) expect(await cluster.settled(node.types('a'))).toEqual(['A', 'B']);
  });
});
