/** Part of a range of keys, `from` inclusive, `to` exclusive, and about how many bytes it has on the disk. */
export interface CompactionPiece {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly bytes: number;
}

/** Keys are cut within so many bytes; what begins alike for longer than that stays in one piece. */
const CUT_BYTES = 32;

/**
 * Cuts a range of keys into pieces of at most so many bytes: it is halved, as numbers are, until each part is small enough,
 * and small ones side by side are put together again.
 */
export async function compactionPieces(
  from: Uint8Array,
  to: Uint8Array,
  bytesMax: number,
  bytesOf: (from: Uint8Array, to: Uint8Array) => Promise<number>,
): Promise<CompactionPiece[]> {
  const pieces: CompactionPiece[] = [];
  const waiting = [{ from, to }];
  for (let range = waiting.pop(); range; range = waiting.pop()) {
    const bytes = await bytesOf(range.from, range.to);
    const middle = bytes > bytesMax ? middleOf(range.from, range.to) : undefined;
    if (middle) {
      waiting.push({ from: middle, to: range.to }, { from: range.from, to: middle });
      continue;
    }
    const last = pieces.at(-1);
    if (last && last.bytes + bytes <= bytesMax) {
      pieces[pieces.length - 1] = { from: last.from, to: range.to, bytes: last.bytes + bytes };
    } else pieces.push({ ...range, bytes });
  }
  return pieces;
}

/** A key between two others; undefined where they are too close to each other. */
function middleOf(from: Uint8Array, to: Uint8Array): Uint8Array | undefined {
  const middle = (numberOf(from) + numberOf(to)) / 2n;
  const key = Buffer.from(middle.toString(16).padStart(CUT_BYTES * 2, '0'), 'hex');
  return Buffer.compare(from, key) < 0 && Buffer.compare(key, to) < 0 ? key : undefined;
}

function numberOf(key: Uint8Array): bigint {
  const bytes = Buffer.alloc(CUT_BYTES);
  bytes.set(key.subarray(0, CUT_BYTES));
  return BigInt(`0x${bytes.toString('hex')}`);
}
