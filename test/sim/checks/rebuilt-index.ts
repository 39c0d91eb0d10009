import { EventIndex } from '../../../src/storage/index/event-index.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import type { Node } from '../node.ts';
import type { Committed } from './committed.ts';
import { demand } from './violation.ts';

/** An index that is built anew from the log is, row for row and answer for answer, the one that the node has. */
export async function checkRebuiltIndex(node: Node, committed: Committed, blockEvents: number): Promise<void> {
  await node.index.idle();
  const store = new MemoryStore();
  const rebuilt = await EventIndex.open(store, async () => undefined, { blockEvents });
  for await (const records of node.log.scan(1)) {
    await rebuilt.prepare(records);
    for (const record of records) {
      await rebuilt.ready();
      rebuilt.apply(record);
    }
  }
  await rebuilt.idle();
  const [own, other] = [node.disk.index.rows, await rowsOf(store)];
  demand(own.length === other.length, () => `${node.id}: its index has ${own.length} rows, built anew ${other.length}`);
  own.forEach(([key, value], n) => {
    const row = other[n];
    demand(
      row?.[0].equals(key) === true && row[1].equals(value),
      () => `${node.id}: row ${key.toString('hex')} of its index differs from the one built anew`,
    );
  });
  const streams = [...committed.streams.keys()];
  const producers = [...committed.cursors.keys()];
  const [found, expected] = [await node.index.lookup(streams, producers), await rebuilt.lookup(streams, producers)];
  for (const stream of streams) {
    const revision = found.head(stream).revision;
    demand(
      revision === expected.head(stream).revision && revision === committed.revisionAt(stream, committed.head),
      () => `${node.id}: its index has ${stream} at ${revision}`,
    );
  }
  for (const producer of producers) {
    const current = found.cursor(producer)?.current;
    demand(
      current === expected.cursor(producer)?.current && current === committed.cursors.get(producer),
      () => `${node.id}: its index has ${producer} at ${current}`,
    );
  }
  for (const { record, payload } of committed.appends.values()) {
    demand(
      node.index.findAppendId(payload.appendId).includes(record.index),
      () => `${node.id}: its index does not know the append of entry ${record.index} (S6)`,
    );
  }
}

async function rowsOf(store: MemoryStore): Promise<[Buffer, Buffer][]> {
  return store.scan({}).next(Number.POSITIVE_INFINITY);
}
