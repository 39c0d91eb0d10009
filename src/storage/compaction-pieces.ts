/** Part of a range of keys, `from` inclusive, `to` exclusive, and about how many bytes it has on the disk. */
export interface CompactionPiece {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly bytes: number;
}

/** What is asked of the store about a range of its keys. */
export interface RangeFacts {
  /** About how many bytes it has on the disk. */
  bytesOf(from: Uint8Array, to: Uint8Array): Promise<number>;
  /** Its first and its last key; undefined: it has none. */
  edgesOf(from: Uint8Array, to: Uint8Array): Promise<readonly [Uint8Array, Uint8Array] | undefined>;
}

/** Two keys are halved within so many bytes behind what they begin with alike. */
const CUT_BYTES = 32;

/**
 * Cuts a range of keys into pieces of at most so many bytes, where they hold more than one key: it is halved, as numbers
 * are, between the first and the last key that it has, until each part is small enough, and small ones side by side are put
 * together again.
 */
export async function compactionPieces(
  from: Uint8Array,
  to: Uint8Array,
  bytesMax: number,
  { bytesOf, edgesOf }: RangeFacts,
): Promise<CompactionPiece[]> {
  const pieces: CompactionPiece[] = [];
  const waiting = [{ from, to }];
  for (let range = waiting.pop(); range; range = waiting.pop()) {
    const bytes = await bytesOf(range.from, range.to);
    const edges = bytes > bytesMax ? await edgesOf(range.from, range.to) : undefined;
    const middle = edges && middleOf(...edges);
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

/** A key behind the first, and not behind the last; undefined where they are the same. */
function middleOf(first: Uint8Array, last: Uint8Array): Uint8Array | undefined {
  if (Buffer.compare(first, last) === 0) return undefined;
  let alike = 0;
  while (alike < first.length && first[alike] === last[alike]) alike++;
  const middle = (numberOf(first, alike) + numberOf(last, alike) + 1n) / 2n;
  const rest = Buffer.from(middle.toString(16).padStart(CUT_BYTES * 2, '0'), 'hex');
  const key = Buffer.concat([first.subarray(0, alike), rest]);
  return Buffer.compare(first, key) < 0 && Buffer.compare(key, last) <= 0 ? key : last;
}

function numberOf(key: Uint8Array, at: number): bigint {
  const bytes = Buffer.alloc(CUT_BYTES);
  bytes.set(key.subarray(at, at + CUT_BYTES));
  return BigInt(`0x${bytes.toString('hex')}`);
}
