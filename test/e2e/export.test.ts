import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient, RecordedEvent } from '../../src/client/index.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';

async function command(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await cli(args, input);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** As the history of a repository: each line an append over a contributor and the files of one commit. */
function history(commits: number): string {
  return Array.from({ length: commits }, (_, n) => {
    const files = Array.from({ length: n % 7 }, (_, f) => ({
      stream: `file-src/${(n * 3 + f) % 40}.ts`,
      events: [
        { type: 'FileModified', data: { commit: n, text: 'ü'.repeat(n % 50) }, tags: [`commit:${n}`, 'dir:src'] },
        ...(f === 0 ? [{ type: 'FileTouched', data: n, metadata: { by: 'test' }, schemaVersion: 2 }] : []),
      ],
    }));
    const commit = { stream: `contributor-${n % 5}`, events: [{ type: 'CommitMade', data: { n } }] };
    return `${JSON.stringify({ writes: [commit, ...files] })}\n`;
  }).join('');
}

const appendsOf = (events: readonly RecordedEvent[]) => {
  const groups: { id: string | undefined; events: string[] }[] = [];
  for (const event of events) {
    const last = groups.at(-1);
    const text = `${event.stream}@${event.revision} ${event.id}`;
    if (last && last.id === event.appendId) last.events.push(text);
    else groups.push({ id: event.appendId, events: [text] });
  }
  return groups;
};

describe('what was exported', () => {
  let source: TestNodes;
  let empty: TestNodes;
  let from: FactstoreClient;
  let to: FactstoreClient;

  beforeAll(async () => {
    [source, empty] = await Promise.all([TestNodes.start(1), TestNodes.start(1)]);
    [from, to] = await Promise.all([source.client(), empty.client()]);
    await command(['import', '-', '--url', source.url], history(400));
    // One append alone is far more than a message of a read holds.
    await from.append<{ type: string; data?: unknown }>([
      { stream: 'big-1', events: Array.from({ length: 700 }, (_, n) => ({ type: 'Many', data: n })) },
      { stream: 'big-2', events: [{ type: 'Large', data: 'x'.repeat(200_000) }] },
      { stream: 'big-3', events: [{ type: 'Bytes', data: Uint8Array.of(0, 1, 255) }, { type: 'Nothing' }] },
    ]);
    await command(['import', '-', '--url', empty.url], await command(['export', '--url', source.url]));
  });
  afterAll(() => Promise.all([source.dispose(), empty.dispose()]));

  it('and imported into an empty store is exported again byte for byte', async () => {
    const [first, second] = [
      await command(['export', '--url', source.url]),
      await command(['export', '--url', empty.url]),
    ];
    expect(first.split('\n')).toHaveLength(402);
    expect(second === first).toBe(true);
  });

  it('keeps its appends whole, under their ids, with every event in its place', async () => {
    const [before, after] = await Promise.all([from, to].map((db) => db.readAll({ appendIds: true }).toArray()));
    const appends = appendsOf(before ?? []);
    expect(appends).toHaveLength(401);
    expect(appends.at(-1)?.events).toHaveLength(703);
    expect(appendsOf(after ?? [])).toEqual(appends);
  });

  it('keeps the appends of a stream together when that stream alone is exported', async () => {
    const other = await TestNodes.start(1);
    try {
      for (const stream of ['file-src/3.ts', 'big-1', 'contributor-0']) {
        const exported = await command(['export', stream, '--url', source.url]);
        await command(['import', '-', '--url', other.url], exported);
        expect(await command(['export', stream, '--url', other.url])).toBe(exported);
        const appends = appendsOf(await from.read(stream, { appendIds: true }).toArray());
        expect(exported.split('\n')).toHaveLength(appends.length + 1);
        const db = await other.client();
        expect(appendsOf(await db.read(stream, { appendIds: true }).toArray()).map(({ events }) => events)).toEqual(
          appends.map(({ events }) => events),
        );
      }
    } finally {
      await other.dispose();
    }
  });

  it('is refused by the store that it came from: its events are there already', async () => {
    const head = await from.head();
    const again = await cli(
      ['import', '-', '--url', source.url],
      (await command(['export', '--url', source.url])).replace('\n', ' \n'),
    );
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toMatch(/line 1: event .* is in the store already/);
    expect(await from.head()).toBe(head);
  });

  it('is refused as a whole once its beginning has changed, and taken behind the position where the last one ended [S7]', async () => {
    const whole = await cli(['export', '--json', '--url', source.url]);
    const { position } = JSON.parse(whole.stderr);
    await from.streams.truncate('contributor-0', 1);
    await from.append('contributor-0', [{ type: 'CommitMade' }]);
    const count = (await to.readAll({ userEvents: true }).toArray()).length;
    const again = await cli(['import', '-', '--url', empty.url], await command(['export', '--url', source.url]));
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is in the store already') });
    const part = await command(['export', '--after', String(position), '--url', source.url]);
    expect(part.trim().split('\n')).toHaveLength(1);
    await command(['import', '-', '--id', `after-${position}`, '--url', empty.url], part);
    expect(await to.readAll({ userEvents: true }).toArray()).toHaveLength(count + 1);
  });

  it('tells append ids in any direction and from any place, and only where they are asked for', async () => {
    const appendId = randomUUID();
    const events = [{ type: 'A' }, { type: 'B' }, { type: 'C' }];
    await from.append('told-1', events, { appendId });
    const backwards = await from.read('told-1', { backwards: true, appendIds: true, limit: 2 }).toArray();
    expect(backwards.map((event) => [event.type, event.appendId])).toEqual([
      ['C', appendId],
      ['B', appendId],
    ]);
    const [last] = await from.readAll({ backwards: true, limit: 1, appendIds: true }).toArray();
    expect(last?.appendId).toBe(appendId);
    expect((await from.read('told-1').toArray()).map((event) => event.appendId)).toEqual(Array(3).fill(undefined));
  });
});
