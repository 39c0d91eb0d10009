import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { GenerationStore, type StateBatch } from '../../src/projection/generation-store.ts';
import type { StatePiece } from '../../src/projection/state-copy.ts';
import { fetchState, type StatePeer } from '../../src/projection/state-fetch.ts';
import { eachRow } from '../../src/storage/store.ts';
import { MemoryStore } from '../support/memory-store.ts';

const bytes = (text: string) => Buffer.from(text);

function batch(position: number, names: readonly string[]): StateBatch {
  const changed = new Map(names.map((name) => [name, { state: bytes(`"${name}"`), result: null }]));
  const outbox = new Map([[position, bytes('emitted')]]);
  return { position, emitted: position, changed, parked: [{ position, message: 'no' }], outbox, digest: undefined };
}

/** Three batches, of 1,500 partitions in all: more than one piece. */
async function filled(): Promise<GenerationStore> {
  const store = await GenerationStore.open(new MemoryStore(), 'p', 3);
  const names = Array.from({ length: 1_500 }, (_, n) => `partition-${n}`);
  for (let n = 0; n < 3; n++) await store.commit(batch((n + 1) * 10, names.slice(n * 500, (n + 1) * 500)), false);
  return store;
}

async function pieces(of: GenerationStore): Promise<StatePiece[]> {
  const all: StatePiece[] = [];
  for await (const piece of of.copy()) all.push(piece);
  return all;
}

/** How many rows there are of generations; that a purge is owed is one of none. */
async function rowsOf(disk: MemoryStore): Promise<number> {
  let rows = 0;
  await eachRow(disk, { from: Uint8Array.of(1) }, () => void rows++);
  return rows;
}

async function* refusing(error: Error): AsyncGenerator<StatePiece> {
  yield* await Promise.reject<StatePiece[]>(error);
}

async function* from(all: readonly StatePiece[]): AsyncGenerator<StatePiece> {
  yield* all;
}

describe('the state of a generation that comes from another node', () => {
  test('P1: takes the place of what there is, with checkpoint, partitions, outbox and what was parked', async () => {
    const given = await filled();
    const disk = new MemoryStore();
    const taken = await GenerationStore.open(disk, 'p', 3);
    await taken.commit(batch(5, ['of old', 'partition-7']), false);
    await taken.replace(given.copy());
    const again = await GenerationStore.open(disk, 'p', 3);
    for (const store of [taken, again]) {
      expect(store.checkpoint).toEqual(given.checkpoint);
      expect(store.outboxRows).toBe(3);
      expect(await store.partitions('', '', 2_000)).toEqual(await given.partitions('', '', 2_000));
      expect(await store.parked(10)).toEqual(await given.parked(10));
      expect(await store.outbox(0, 10)).toEqual(await given.outbox(0, 10));
    }
  });

  test('P1: is as it was at one moment, whatever is written while it is read', async () => {
    const given = await filled();
    const before = await pieces(given);
    const meanwhile: StatePiece[] = [];
    for await (const piece of given.copy()) {
      if (meanwhile.length === 0) await given.commit(batch(40, ['partition-1', 'new']), false);
      meanwhile.push(piece);
    }
    expect(meanwhile).toEqual(before);
  });

  test('P1: is refused where a byte is another one, a row or the end is missing, or two have changed places', async () => {
    const given = await filled();
    const [first, ...rest] = await pieces(given);
    if (first?.kind !== 'rows') throw new Error('no rows');
    const [checkpoint, one, two, ...others] = first.rows;
    if (!checkpoint || !one || !two) throw new Error('too few rows');
    const wrong: (readonly StatePiece[])[] = [
      [{ kind: 'rows', rows: [checkpoint, [one[0], bytes('"other"')], two, ...others] }, ...rest],
      [{ kind: 'rows', rows: [checkpoint, two, ...others] }, ...rest],
      [{ kind: 'rows', rows: [checkpoint, two, one, ...others] }, ...rest],
      [{ kind: 'rows', rows: [one, two, ...others] }, ...rest],
      [first, ...rest.slice(0, -1)],
      [first],
      [],
    ];
    for (const damaged of wrong) {
      const disk = new MemoryStore();
      const taken = await GenerationStore.open(disk, 'p', 3);
      await expect(taken.replace(from(damaged))).rejects.toMatchObject({ code: 'DATA_LOSS' });
      expect(taken.checkpoint.position).toBe(0);
      const again = await GenerationStore.open(disk, 'p', 3);
      expect(again.checkpoint.position).toBe(0);
      expect((await again.partitions('', '', 10)).rows).toEqual([]);
      expect(await rowsOf(disk)).toBe(0);
    }
  });

  test('P1: leaves nothing that counts where it breaks off, whatever was there before', async () => {
    const given = await filled();
    const disk = new MemoryStore();
    const taken = await GenerationStore.open(disk, 'p', 3);
    await taken.commit(batch(5, ['of old']), false);
    const all = await pieces(given);
    const breaking = async function* () {
      yield all[0] as StatePiece;
      throw new FactstoreError('UNREACHABLE', 'connection broke');
    };
    await expect(taken.replace(breaking())).rejects.toThrow('connection broke');
    expect((await GenerationStore.open(disk, 'p', 3)).checkpoint.position).toBe(0);
    expect(await rowsOf(disk)).toBe(0);
  });
});

describe('asking other nodes for a state', () => {
  const wanted = { projection: 'p', generation: 3, atLeast: 30 };
  const signal = new AbortController().signal;
  const failing = (nodeId: string, code: 'NOT_FOUND' | 'UNREACHABLE'): StatePeer => ({
    nodeId,
    give: () => refusing(new FactstoreError(code, `${nodeId} says no`)),
  });
  const drain = async (all: AsyncIterable<StatePiece>) => {
    for await (const _ of all);
  };

  test('P1: takes the first that comes', async () => {
    const giving: StatePeer = { nodeId: 'n3', give: () => from([]) };
    const peers = [failing('n2', 'UNREACHABLE'), giving, failing('n4', 'UNREACHABLE')];
    expect(await fetchState(peers, wanted, drain, signal)).toEqual({ kind: 'fetched', nodeId: 'n3' });
  });

  test('P1: nobody has it only where all have said so', async () => {
    expect(await fetchState([], wanted, drain, signal)).toEqual({ kind: 'nobody' });
    const both = [failing('n2', 'NOT_FOUND'), failing('n3', 'NOT_FOUND')];
    expect(await fetchState(both, wanted, drain, signal)).toEqual({ kind: 'nobody' });
    const one = [failing('n2', 'NOT_FOUND'), failing('n3', 'UNREACHABLE')];
    expect(await fetchState(one, wanted, drain, signal)).toEqual({ kind: 'unknown', reason: 'n3: n3 says no' });
  });
});
