import type { Creation } from './created-names.ts';
import { decodeHead, stateAt } from './head-rows.ts';
import type { IndexView } from './index-view.ts';
import { Kind, nameKey, nameOfKey } from './keys.ts';
import { decodeRow } from './row-writer.ts';

const ROWS_PER_TURN = 128;

/** Which streams: a range of names, as a prefix, or all of one category. */
export type NameRange =
  | { readonly kind: 'user' }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'category'; readonly category: string };

interface FoundName {
  readonly key: Uint8Array;
  readonly firstPosition: number;
}

/**
 * The names of streams in the order of their bytes, from behind `after`, at most `limit`. Sealed names are found by one
 * seek, so a page costs no more than its names and a look through the blocks in memory.
 */
export async function streamNames(
  view: IndexView,
  range: NameRange,
  after: string,
  limit: number,
): Promise<readonly Creation[]> {
  const found = new Map<string, FoundName>();
  const behind = after === '' ? undefined : Buffer.concat([nameKey(Kind.head, after), Uint8Array.of(0)]);
  for (const keys of keyRanges(range)) {
    const from = behind && Buffer.compare(behind, keys.from) > 0 ? behind : keys.from;
    if (Buffer.compare(from, keys.to) >= 0) continue;
    for (const block of view.blocks) {
      for (const [name, stream] of block.streams) {
        if (stream.prior || block.countUpTo(stream.id, view.head) === 0) continue;
        const key = nameKey(Kind.head, name);
        if (Buffer.compare(key, from) < 0 || Buffer.compare(key, keys.to) >= 0) continue;
        found.set(name, { key, firstPosition: block.firstPosition + block.lists.at(stream.id, 0) });
      }
    }
    await addSealed(view, from, keys.to, limit, found);
  }
  const sorted = [...found].sort(([, a], [, b]) => Buffer.compare(a.key, b.key));
  return sorted.slice(0, limit).map(([stream, { firstPosition }]) => ({ stream, firstPosition }));
}

/** Adds the first `limit` names of sealed blocks; those that came into being later are not in the view. */
async function addSealed(
  view: IndexView,
  from: Uint8Array,
  to: Uint8Array,
  limit: number,
  found: Map<string, FoundName>,
): Promise<void> {
  const scan = view.store.scan({ from, to });
  try {
    for (let taken = 0; taken < limit; ) {
      const rows = await scan.next(Math.min(ROWS_PER_TURN, limit - taken));
      if (rows.length === 0) return;
      for (const [key, value] of rows) {
        const row = decodeRow(key, value, decodeHead);
        // Where neither state of the row is sealed in this view, its blocks in memory speak for the stream, if it has it.
        const known = stateAt(row, view.sealedBlocks) ?? row.current;
        if (known.firstPosition > view.head || known.firstPosition > view.sealedBlocks * view.blockEvents) continue;
        found.set(nameOfKey(key), { key, firstPosition: known.firstPosition });
        taken++;
      }
    }
  } finally {
    await scan.close();
  }
}

function keyRanges(range: NameRange): { readonly from: Uint8Array; readonly to: Uint8Array }[] {
  switch (range.kind) {
    case 'prefix':
      return [prefixRange(range.prefix)];
    case 'category': {
      const alone = nameKey(Kind.head, range.category);
      return [{ from: alone, to: Buffer.concat([alone, Uint8Array.of(0)]) }, prefixRange(`${range.category}-`)];
    }
    case 'user':
      return [
        { from: Uint8Array.of(Kind.head), to: Uint8Array.of(Kind.head, DOLLAR) },
        { from: Uint8Array.of(Kind.head, DOLLAR + 1), to: Uint8Array.of(Kind.head + 1) },
      ];
  }
}

/** "$", with which the names of the system begin. */
const DOLLAR = 0x24;

function prefixRange(prefix: string): { from: Uint8Array; to: Uint8Array } {
  const key = nameKey(Kind.head, prefix);
  const from = key.slice(0, -1);
  const to = from.slice();
  // No byte of UTF-8 is FF, so the last one can be raised.
  to[to.length - 1] = (to[to.length - 1] as number) + 1;
  return { from, to };
}
