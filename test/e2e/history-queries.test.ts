import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendsOf, type DatasetAppend, type DatasetEvent, defaultHistory } from '../../bench/datasets/git-history.ts';
import type { FactstoreClient, Query } from '../../src/client/index.ts';
import { categoryOf } from '../../src/model/stream.ts';
import { TestNodes } from '../support/test-node.ts';

type Placed = DatasetEvent & { readonly stream: string };

/** Real input: what queries find of a git history, beside what the source says when it is gone through. */
describe('queries of a git history', () => {
  const events: Placed[] = [];
  let nodes: TestNodes;
  let db: FactstoreClient;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    const appends: DatasetAppend[] = [];
    for await (const append of appendsOf(defaultHistory())) appends.push(append);
    for (const { writes } of appends) {
      for (const { stream, events: own } of writes) events.push(...own.map((event) => ({ ...event, stream })));
    }
    await Promise.all(appends.map(({ writes }) => db.append(writes)));
  });
  afterAll(() => nodes.dispose());

  const idsOf = async (query: Query, backwards = false) =>
    (await db.query(query, { backwards }).toArray()).map(({ id }) => id);
  const among = (matches: (event: Placed) => boolean) => events.filter(matches).map(({ id }) => id);
  const tagsBeginning = (prefix: string) => [
    ...new Set(events.flatMap(({ tags }) => tags.filter((tag) => tag.startsWith(prefix)))),
  ];

  it('by directory, contributor and type are what the source has, in its order', async () => {
    expect(await idsOf({ all: true })).toEqual(events.map(({ id }) => id));
    for (const tag of tagsBeginning('dir:')) {
      expect(await idsOf({ tags: [tag] }), tag).toEqual(among(({ tags }) => tags.includes(tag)));
    }
    for (const tag of tagsBeginning('contributor:').slice(0, 20)) {
      const ofTag = among(({ tags }) => tags.includes(tag));
      expect(await idsOf({ tags: [tag] }, true), tag).toEqual(ofTag.reverse());
    }
    for (const type of ['CommitMade', 'FileAdded', 'FileModified', 'FileDeleted']) {
      expect(await idsOf({ types: [type] }), type).toEqual(among((event) => event.type === type));
    }
  });

  it('by several of them, by category and by the beginnings of streams, too', async () => {
    const [contributor = ''] = tagsBeginning('contributor:');
    for (const dir of tagsBeginning('dir:').slice(0, 10)) {
      const both = (event: Placed) => event.tags.includes(dir) && event.tags.includes(contributor);
      expect(await idsOf({ tags: [dir, contributor] }), dir).toEqual(among(both));
      const added = (event: Placed) => event.type === 'FileAdded' && event.tags.includes(dir);
      expect(await idsOf([{ types: ['FileAdded'], tags: [dir] }])).toEqual(among(added));
    }
    const files = among(({ stream }) => categoryOf(stream) === 'file');
    expect(await idsOf({ categories: ['file'] })).toEqual(files);
    expect(await idsOf({ streams: ['file*'] })).toEqual(files);
    expect(await idsOf({ streams: ['file-src/*'] })).toEqual(among(({ stream }) => stream.startsWith('file-src/')));
    const { stream } = events.find((event) => event.type === 'FileModified') as Placed;
    const inside = (event: Placed) => event.stream === stream && event.type === 'FileModified';
    expect(await idsOf({ streams: [stream], types: ['FileModified'] })).toEqual(among(inside));
  });
});
