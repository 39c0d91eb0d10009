import { encodeUtf8 } from '../../base/bytes.ts';
import type { OpenBlock } from './open-block.ts';
import { PlaceSet } from './place-set.ts';
import { beginsWithOneOf } from './prefixes.ts';
import type { AnyOf, Term } from './query-terms.ts';

/** Positions, both inclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** What matches in a block of memory, between two positions; as exact as the sealed rows, and without waiting. */
export function placesInMemory(block: OpenBlock, items: readonly (readonly AnyOf[])[], range: Range): PlaceSet {
  const found = new PlaceSet(block.size);
  const ofItem = new PlaceSet(block.size);
  const ofTerms = new PlaceSet(block.size);
  for (const item of items) {
    ofItem.clear();
    for (const [n, anyOf] of item.entries()) {
      if (n === 0) addAll(ofItem, block, anyOf, range);
      else {
        ofTerms.clear();
        addAll(ofTerms, block, anyOf, range);
        ofItem.intersect(ofTerms);
      }
    }
    found.unite(ofItem);
  }
  return found;
}

function addAll(to: PlaceSet, block: OpenBlock, { terms, prefixes }: AnyOf, range: Range): void {
  for (const term of terms) {
    const list = listOf(block, term);
    if (list >= 0) addList(to, block, list, range);
  }
  if (prefixes.length > 0) addPrefixes(to, block, prefixes, range);
}

/** Goes through the streams of the block or, where those are fewer, the places of the range: often that is a single one. */
function addPrefixes(to: PlaceSet, block: OpenBlock, prefixes: readonly string[], range: Range): void {
  const first = Math.max(0, range.from - block.firstPosition);
  const last = Math.min(block.filled - 1, range.to - block.firstPosition);
  // To put the prefixes in order pays only where there are more places than prefixes.
  const few = last - first < prefixes.length;
  const isMeant = few ? (name: string) => prefixes.some((one) => name.startsWith(one)) : beginsWithOneOf(prefixes);
  if (last - first >= block.streams.size) {
    for (const [name, { id }] of block.streams) if (isMeant(name)) addList(to, block, id, range);
    return;
  }
  for (let place = first; place <= last; place++) if (isMeant(block.streamAt(place))) to.addOne(place);
}

function listOf(block: OpenBlock, { kind, name }: Term): number {
  const bytes = encodeUtf8(name);
  return block.names.find(kind, bytes, 0, bytes.length);
}

function addList(to: PlaceSet, block: OpenBlock, list: number, range: Range): void {
  const first = block.countUpTo(list, range.from - 1);
  to.add(block.lists.list(list).subarray(first, block.countUpTo(list, range.to)));
}
