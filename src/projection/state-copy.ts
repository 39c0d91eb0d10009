import { createHash } from 'node:crypto';
import { FactstoreError } from '../base/errors.ts';
import type { Operation, Store } from '../storage/store.ts';
import type { GenerationKeys } from './keys.ts';
import { removeGeneration } from './purge.ts';

/** A row of a generation: its key without what all rows of the generation have in common. */
type StateRow = readonly [rest: Uint8Array, value: Uint8Array];

/** A piece of all that a node has of a generation, in the order of the keys; the last one has the digest of all rows. */
export type StatePiece =
  | { readonly kind: 'rows'; readonly rows: readonly StateRow[] }
  | { readonly kind: 'end'; readonly digest: Uint8Array };

const ROWS_PER_PIECE = 1_000;

/** All rows of a generation as they are at one moment, whatever is written meanwhile; the checkpoint comes first. */
export async function* copyOf(store: Store, keys: GenerationKeys): AsyncGenerator<StatePiece> {
  const digest = new RowsDigest();
  const scan = store.scan(keys.all);
  try {
    for (let found = await scan.next(ROWS_PER_PIECE); found.length > 0; found = await scan.next(ROWS_PER_PIECE)) {
      const rows = found.map(([key, value]): StateRow => [keys.restOf(key), value]);
      for (const row of rows) digest.add(row);
      yield { kind: 'rows', rows };
    }
  } finally {
    await scan.close();
  }
  yield { kind: 'end', digest: digest.take() };
}

/**
 * Puts a copy in the place of what there is. The checkpoint is removed first and written last, durably, once all
 * is there and has the digest: what a kill leaves behind has none, and is taken for nothing. Ends in DATA_LOSS where the
 * copy is not whole.
 */
export async function install(store: Store, keys: GenerationKeys, pieces: AsyncIterable<StatePiece>): Promise<void> {
  const digest = new RowsDigest();
  let checkpoint: Uint8Array | undefined;
  let whole = false;
  for await (const piece of pieces) {
    if (piece.kind === 'end') {
      whole = Buffer.compare(digest.take(), piece.digest) === 0;
      break;
    }
    const operations: Operation[] = [];
    for (const row of piece.rows) {
      digest.add(row);
      const key = keys.withRest(row[0]);
      if (checkpoint) operations.push({ type: 'put', key, value: row[1] });
      else {
        if (Buffer.compare(key, keys.checkpoint) !== 0) throw notWhole('it does not begin with a checkpoint');
        checkpoint = row[1];
        await store.write([{ type: 'del', key }], true);
        await removeGeneration(store, keys);
      }
    }
    // Synced, as the checkpoint alone vouches for them: a sync reaches only the file that LevelDB writes at that moment.
    await store.write(operations, true);
  }
  if (!whole || !checkpoint) throw notWhole('it ended early, or its digest is another one');
  await store.write([{ type: 'put', key: keys.checkpoint, value: checkpoint }], true);
}

function notWhole(reason: string): FactstoreError {
  return new FactstoreError('DATA_LOSS', `the state that came is not whole: ${reason}`);
}

/** SHA-256 of rows: of each, key and value behind their lengths. */
class RowsDigest {
  private readonly hash = createHash('sha256');

  add([rest, value]: StateRow): void {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(rest.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    this.hash.update(lengths).update(rest).update(value);
  }

  take(): Buffer {
    return this.hash.digest();
  }
}
