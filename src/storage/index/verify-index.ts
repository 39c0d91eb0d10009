import { eachRow, type Store } from '../store.ts';
import { decodeAppendIds, decodeChunk, decodeLocateRow, decodeSeal, decodeStreamRow } from './block-rows.ts';
import { decodeCreatedNames } from './created-names.ts';
import { decodeHead, decodeProducer } from './head-rows.ts';
import { blockOfKey, blockOfNameKey, Kind, kindRange } from './keys.ts';
import { decodePlaces } from './place-rows.ts';
import { decodeRetention } from './retention-rows.ts';
import { decodeRow } from './row-writer.ts';

/** What `verifyIndex` found: how many rows it read and what is wrong with the index. Empty: nothing. */
export interface IndexReport {
  readonly rows: number;
  readonly damages: readonly string[];
}

const DECODERS = new Map<number, (body: Uint8Array) => unknown>([
  [Kind.chunk, decodeChunk],
  [Kind.locate, decodeLocateRow],
  [Kind.appendIds, decodeAppendIds],
  [Kind.stream, decodeStreamRow],
  [Kind.type, decodePlaces],
  [Kind.category, decodePlaces],
  [Kind.tag, decodePlaces],
  [Kind.created, decodePlaces],
  [Kind.createdNames, decodeCreatedNames],
  [Kind.head, decodeHead],
  [Kind.producer, decodeProducer],
  [Kind.retention, decodeRetention],
]);

const DAMAGES_MAX = 100;

/**
 * Reads every row, and counts those of each block: a row that was lost leaves no trace but the number in the seal. Rows
 * of a block that is being written meanwhile are not counted. `pace` is told how many bytes were read, and may wait.
 */
export async function verifyIndex(store: Store, pace?: (bytes: number) => Promise<void>): Promise<IndexReport> {
  const damages: string[] = [];
  const counts: number[] = [];
  let rows = 0;
  const check = (what: () => void) => {
    rows++;
    try {
      what();
    } catch (error) {
      if (damages.length < DAMAGES_MAX) damages.push(error instanceof Error ? error.message : String(error));
    }
  };
  const expected: number[] = [];
  await eachRow(store, kindRange(Kind.seal), (key, value) =>
    check(() => {
      expected[blockOfKey(key)] = decodeRow(key, value, decodeSeal).rows;
    }),
  );
  for (const [kind, decode] of DECODERS) {
    await eachRow(
      store,
      kindRange(kind as Kind),
      (key, value) =>
        check(() => {
          const block = blockOfRow(key, decodeRow(key, value, decode));
          if (block !== undefined) counts[block] = (counts[block] ?? 0) + 1;
        }),
      pace,
    );
  }
  for (let block = 0; block < expected.length && damages.length < DAMAGES_MAX; block++) {
    if (expected[block] === undefined) damages.push(`block ${block} has no seal, but later ones have`);
    else if (expected[block] !== (counts[block] ?? 0)) {
      damages.push(`block ${block} has ${counts[block] ?? 0} rows, but was sealed with ${expected[block]}`);
    }
  }
  return { rows, damages };
}

/** The block to whose seal a row belongs; undefined for rows that no seal counts. */
function blockOfRow(key: Uint8Array, decoded: unknown): number | undefined {
  switch (key[0]) {
    case Kind.locate:
    case Kind.appendIds:
    case Kind.createdNames:
      return blockOfKey(key);
    case Kind.stream:
      return (decoded as { block: number }).block;
    case Kind.type:
    case Kind.category:
    case Kind.tag:
    case Kind.created:
      return blockOfNameKey(key);
    default:
      return undefined;
  }
}
