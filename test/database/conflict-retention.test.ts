import { describe, expect, it } from 'vitest';
import type { AppendOutcome } from '../../src/database/appender.ts';
import { checkAppend } from '../../src/database/check-append.ts';
import type { Expectation } from '../../src/model/append.ts';
import type { ChangeKind } from '../../src/model/retention.ts';
import { uuid } from '../storage/index/log-fixture.ts';
import { anAppend, ReplicaCluster, typeOf } from '../support/replica-cluster.ts';

type Conflict = Extract<AppendOutcome, { kind: 'conflict' }>;

/** A leader alone, and what is done on it one after the other. */
class Leader {
  private readonly cluster: ReplicaCluster;
  private changes = 0;

  private constructor(cluster: ReplicaCluster) {
    this.cluster = cluster;
  }

  static async start(): Promise<Leader> {
    return new Leader(await ReplicaCluster.start(1, { blockEvents: 4 }));
  }

  async restart(): Promise<void> {
    const leader = await this.cluster.leader();
    await this.cluster.settled(leader.index.idle());
    await this.cluster.restart(leader);
  }

  async append(stream: string, ...types: string[]): Promise<void> {
    const leader = await this.cluster.leader();
    await this.cluster.settled(leader.append(anAppend(stream, types, { tags: ['x'] })));
  }

  async change(stream: string, change: ChangeKind): Promise<void> {
    const leader = await this.cluster.leader();
    const appendId = uuid(1_000 + this.changes++);
    const raw = { appendId, writes: [], change: { ...change, stream }, attemptAgeMs: 0, content: [appendId] };
    expect((await this.cluster.settled(leader.append(checkAppend(raw)))).kind).toBe('appended');
  }

  /** What the conflict of an append tells that expects this of stream `a`. */
  async check(expectation: Expectation): Promise<{ types: string[]; cut: boolean }> {
    const leader = await this.cluster.leader();
    const refused = await this.cluster.settled(leader.append(anAppend('a', ['Mine'], { expect: expectation })));
    const [check] = (refused as Conflict).checks;
    return { types: check?.events.map(typeOf) ?? [], cut: check?.cut === true };
  }

  /** What the conflict of an append tells that fails on any event of the tag behind a position. */
  async condition(after: number): Promise<{ types: string[]; cut: boolean }> {
    const item = { types: [], tags: ['x'], categories: [], streams: [], streamPrefixes: [] };
    const conditions = [{ query: { items: [item] }, after }];
    const leader = await this.cluster.leader();
    const refused = await this.cluster.settled(leader.append(anAppend('c', ['Mine'], { conditions })));
    const [condition] = (refused as Conflict).conditions;
    return { types: condition?.events.map(typeOf) ?? [], cut: condition?.cut === true };
  }
}

const revision = (n: number): Expectation => ({ kind: 'revision', revision: n });

const CHANGES: [string, ChangeKind][] = [
  ['a deletion', { kind: 'delete' }],
  ['a truncation', { kind: 'truncate', before: 1 }],
  ['an erasure', { kind: 'erase', from: 0, to: 1 }],
  ['a count', { kind: 'metadata', metadata: { maxCount: 2 } }],
];
const LIMITS: [string, ChangeKind][] = [
  ['a count', { kind: 'metadata', metadata: { maxCount: 2 } }],
  ['an age', { kind: 'metadata', metadata: { maxAgeMs: 3_600_000 } }],
];

describe('a check that failed does not tell everything', () => {
  it.each(CHANGES)('behind %s of its stream since the revision that it expected [R1] [S12]', async (_, change) => {
    const leader = await Leader.start();
    await leader.append('a', 'A', 'B');
    await leader.change('a', change);
    await leader.append('a', 'New');
    expect(await leader.check(revision(1))).toEqual({ types: ['New'], cut: true });
    await leader.restart();
    expect(await leader.check(revision(1))).toEqual({ types: ['New'], cut: true });
  });

  it.each(LIMITS)('where %s hides more of its stream as time goes on [R1] [S12]', async (_, change) => {
    const leader = await Leader.start();
    await leader.change('a', change);
    await leader.append('a', 'A', 'B');
    await leader.append('a', 'New');
    expect(await leader.check(revision(1))).toEqual({ types: ['New'], cut: true });
  });

  it('only then: not where that was before, of another stream, or nothing was known [S12]', async () => {
    const leader = await Leader.start();
    await leader.append('a', 'A');
    await leader.append('b', 'B');
    await leader.change('a', { kind: 'delete' });
    await leader.append('a', 'C');
    await leader.change('b', { kind: 'delete' });
    await leader.append('a', 'New');
    expect(await leader.check(revision(1))).toEqual({ types: ['New'], cut: false });
    expect(await leader.check({ kind: 'none' })).toEqual({ types: ['C', 'New'], cut: false });
    expect(await leader.check(revision(0))).toEqual({ types: ['C', 'New'], cut: true });
  });
});

describe('a condition that failed does not tell everything', () => {
  it.each(CHANGES)('where %s of any stream stands behind its position [R1] [S12]', async (_, change) => {
    const leader = await Leader.start();
    await leader.append('a', 'A', 'B');
    await leader.change('a', change);
    await leader.append('b', 'New');
    expect(await leader.condition(2)).toEqual({ types: ['New'], cut: true });
    await leader.restart();
    expect(await leader.condition(2)).toEqual({ types: ['New'], cut: true });
  });

  it.each(LIMITS)('where %s hides more of any stream as time goes on [R1] [S12]', async (_, change) => {
    const leader = await Leader.start();
    await leader.change('a', change);
    await leader.append('a', 'A', 'B');
    await leader.append('b', 'New');
    expect(await leader.condition(3)).toEqual({ types: ['New'], cut: true });
    await leader.change('a', { kind: 'metadata', metadata: {} });
    await leader.append('b', 'Newer');
    expect(await leader.condition(4)).toEqual({ types: ['Newer'], cut: true });
    expect(await leader.condition(5)).toEqual({ types: ['Newer'], cut: false });
  });

  it('only then: not where that was before, or nothing was known [S12]', async () => {
    const leader = await Leader.start();
    await leader.append('a', 'A');
    await leader.change('a', { kind: 'delete' });
    await leader.append('b', 'New');
    expect(await leader.condition(2)).toEqual({ types: ['New'], cut: false });
    expect(await leader.condition(1)).toEqual({ types: ['New'], cut: true });
    expect(await leader.condition(0)).toEqual({ types: ['New'], cut: false });
    await leader.restart();
    expect(await leader.condition(2)).toEqual({ types: ['New'], cut: false });
  });
});
