import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitsOfFile } from '../../bench/datasets/git-commits.ts';
import { appendsOf, SHARED_HISTORY } from '../../bench/datasets/git-history.ts';
import type { FactstoreClient, ListOptions } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';

/** The streams of a real history, against what its source file says. */
describe.runIf(existsSync(SHARED_HISTORY))('the streams of the shared history', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;
  /** Each stream with the number of its events, in the order of creation. */
  const written = new Map<string, number>();

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    let appended: Promise<unknown>[] = [];
    for await (const { writes } of appendsOf(commitsOfFile(SHARED_HISTORY))) {
      for (const { stream, events } of writes) written.set(stream, (written.get(stream) ?? 0) + events.length);
      appended.push(db.append(writes.map(({ stream, events }) => ({ stream, events }))));
      if (appended.length < 500) continue;
      await Promise.all(appended);
      appended = [];
    }
    await Promise.all(appended);
  });
  afterAll(() => nodes.dispose());

  const list = async (options: ListOptions) => {
    const names: string[] = [];
    for await (const { stream } of db.streams.list(options)) names.push(stream);
    return names;
  };
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

  it('are listed by category, in both orders, each once', async () => {
    const files = [...written.keys()].filter((stream) => stream.startsWith('file-'));
    expect(files.length).toBeGreaterThan(1_000);
    expect(await list({ category: 'file', order: 'creation' })).toEqual(files);
    expect(await list({ category: 'file' })).toEqual([...files].sort(byBytes));
    expect(await list({ prefix: 'file-server/' })).toEqual(
      files.filter((stream) => stream.startsWith('file-server/')).sort(byBytes),
    );
    expect(await list({ order: 'creation' })).toEqual([...written.keys()]);
  });

  it('show their last two events once each of them is told to, and everything else shows all [R1]', async () => {
    const files = [...written].filter(([stream]) => stream.startsWith('file-'));
    await Promise.all(files.map(([stream]) => db.streams.setMetadata(stream, { maxCount: 2 })));
    const seen = new Map<string, bigint[]>();
    for await (const { stream, revision } of db.readAll({ userEvents: true })) {
      seen.set(stream, [...(seen.get(stream) ?? []), revision]);
    }
    for (const [stream, count] of written) {
      const first = stream.startsWith('file-') ? Math.max(0, count - 2) : 0;
      expect([stream, seen.get(stream)]).toEqual([
        stream,
        Array.from({ length: count - first }, (_, n) => BigInt(first + n)),
      ]);
    }
  });
});
