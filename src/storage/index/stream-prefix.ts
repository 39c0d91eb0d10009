import { decodeUtf8 } from '../../base/bytes.ts';
import { categoryOf } from '../../model/stream.ts';
import type { IndexView } from './index-view.ts';
import { Kind, nameKey, readName } from './keys.ts';
import type { Reading, SpendRows } from './posting-cursor.ts';
import { PrefixScan } from './prefix-scan.ts';
import type { Term } from './query-terms.ts';
import { damagedIndex } from './row-writer.ts';

const NAMES_AT_ONCE = 64;

/** What the streams whose names begin with a prefix are looked for by in sealed blocks. */
export interface PrefixTerms {
  /** Their names, or those of their categories, where they are not too many. */
  readonly terms: readonly Term[];
  /** Where they are: what finds their places all the same, once it is through. */
  readonly scan?: PrefixScan;
  /** Where they are: what all of them are within, if anything. */
  readonly within?: Term;
}

/**
 * Without a "-" in it, a prefix begins the names of whole categories. With one, it lies within one category, which may
 * hold more: what is found has to be compared with the prefix.
 */
export async function prefixTerms(view: IndexView, prefix: string, reading: Reading): Promise<PrefixTerms> {
  const category = categoryOf(prefix);
  const kind = category === prefix ? Kind.category : Kind.stream;
  const terms = await namesWith(view, kind, prefix, reading);
  if (terms) return { terms };
  const scan = new PrefixScan(view, { kind, prefix }, reading);
  return { terms: [], scan, ...(kind === Kind.stream && { within: { kind: Kind.category, name: category } }) };
}

/** The names of sealed blocks that begin with a prefix; undefined where there are too many. */
async function namesWith(
  view: IndexView,
  kind: typeof Kind.category | typeof Kind.stream,
  prefix: string,
  { spend, budget }: Reading,
): Promise<Term[] | undefined> {
  const most = budget.namesPerPrefix;
  const terms: Term[] = [];
  for await (const bytes of kind === Kind.stream
    ? streamsWith(view, prefix, most, spend)
    : categoriesWith(view, prefix, spend)) {
    if (terms.length === most) return undefined;
    const name = decodeUtf8(bytes);
    if (name === undefined) throw damagedIndex('a name is not UTF-8');
    terms.push({ kind, name });
  }
  return terms;
}

/** A stream has many rows by its name, and one head. */
async function* streamsWith(
  view: IndexView,
  prefix: string,
  most: number,
  spend: SpendRows,
): AsyncGenerator<Uint8Array> {
  const from = withoutEnd(nameKey(Kind.head, prefix));
  const scan = view.store.scan({ from, to: Uint8Array.from([...from, 0xff]), limit: most + 1 });
  try {
    for (let rows = await scan.next(NAMES_AT_ONCE); rows.length > 0; rows = await scan.next(NAMES_AT_ONCE)) {
      spend(rows.length);
      for (const [key] of rows) yield readName(key, 1);
    }
  } finally {
    await scan.close();
  }
}

/** A category has a row in each block, over which each name jumps to the next one. */
async function* categoriesWith(view: IndexView, prefix: string, spend: SpendRows): AsyncGenerator<Uint8Array> {
  let from = withoutEnd(nameKey(Kind.category, prefix));
  const to = Uint8Array.from([...from, 0xff]);
  for (;;) {
    const scan = view.store.scan({ from, to, limit: 1 });
    try {
      const [found] = await scan.next(1);
      spend(1);
      if (!found) return;
      const bytes = readName(found[0], 1);
      yield bytes;
      from = nameKey(Kind.category, bytes);
      // No key of this name lies behind the same bytes ended by 01.
      from[from.length - 1] = 1;
    } finally {
      await scan.close();
    }
  }
}

function withoutEnd(key: Uint8Array): Uint8Array {
  return key.subarray(0, key.length - 1);
}
