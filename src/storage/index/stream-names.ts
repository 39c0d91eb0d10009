import { isSystemName } from '../../model/stream.ts';
import { begunIn, type Creation } from './created-names.ts';
import { compareByBytes, FirstNames } from './first-names.ts';
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

export interface NamesRequest {
  readonly range: NameRange;
  readonly after: string;
  readonly limit: number;
  /** Lets the event loop have its turn. */
  readonly yieldTurn: () => Promise<void>;
}

interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/**
 * The names of streams in the order of their bytes, from behind `after`, at most `limit`. Sealed names are found by one
 * seek, so a page costs no more than its names and a look through the blocks in memory, at some names in a turn (rule C3).
 */
export async function streamNames(
  view: IndexView,
  { range, after, limit, yieldTurn }: NamesRequest,
): Promise<readonly Creation[]> {
  const found = new FirstNames(limit);
  const isWanted = (name: string) => isIn(range, name) && (after === '' || compareByBytes(name, after) > 0);
  for (const block of view.blocks) {
    for await (const some of begunIn(block, isWanted, yieldTurn)) {
      for (const creation of some) if (creation.firstPosition <= view.head) found.add(creation);
    }
  }
  const behind = after === '' ? undefined : Buffer.concat([nameKey(Kind.head, after), Uint8Array.of(0)]);
  for (const keys of keyRanges(range)) {
    const from = behind && Buffer.compare(behind, keys.from) > 0 ? behind : keys.from;
    if (Buffer.compare(from, keys.to) < 0) await addSealed(view, { from, to: keys.to }, limit, found);
  }
  return found.take();
}

/** Adds the first `limit` names of sealed blocks; those that came into being later are not in the view. */
async function addSealed(view: IndexView, keys: KeyRange, limit: number, found: FirstNames): Promise<void> {
  const scan = view.store.scan(keys);
  try {
    for (let taken = 0; taken < limit; ) {
      const rows = await scan.next(Math.min(ROWS_PER_TURN, limit - taken));
      if (rows.length === 0) return;
      for (const [key, value] of rows) {
        const row = decodeRow(key, value, decodeHead);
        // Where neither state of the row is sealed in this view, its blocks in memory speak for the stream, if it has it.
        const known = stateAt(row, view.sealedBlocks) ?? row.current;
        if (known.firstPosition > view.head || known.firstPosition > view.sealedBlocks * view.blockEvents) continue;
        found.add({ stream: nameOfKey(key), firstPosition: known.firstPosition });
        taken++;
      }
    }
  } finally {
    await scan.close();
  }
}

/** The same as the ranges of keys say. */
function isIn(range: NameRange, name: string): boolean {
  switch (range.kind) {
    case 'prefix':
      return name.startsWith(range.prefix);
    case 'category':
      return name === range.category || name.startsWith(`${range.category}-`);
    case 'user':
      return !isSystemName(name);
  }
}

function keyRanges(range: NameRange): KeyRange[] {
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

function prefixRange(prefix: string): KeyRange {
  const key = nameKey(Kind.head, prefix);
  const from = key.slice(0, -1);
  const to = from.slice();
  // No byte of UTF-8 is FF, so the last one can be raised.
  to[to.length - 1] = (to[to.length - 1] as number) + 1;
  return { from, to };
}
