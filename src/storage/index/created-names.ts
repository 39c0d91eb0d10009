import { decodeUtf8, EMPTY, encodeUtf8 } from '../../base/bytes.ts';
import { VarintReader } from '../varint-reader.ts';
import type { IndexView } from './index-view.ts';
import { blockOfKey, createdNamesKey } from './keys.ts';
import type { OpenBlock } from './open-block.ts';
import { damagedIndex, decodeRow, type RowWriter } from './row-writer.ts';

/**
 * The names of the streams that begin in a block, in the order of their bytes, some in a row. The key of a row holds its last
 * name, so that the first row at or behind a prefix is the first that can hold a name which begins so: the streams of a
 * prefix are found block by block, in the order of their creation, with one look at a block.
 *
 *     for each name: how many bytes it shares with the one before (varint) ‖ how many more it has (varint) ‖ these ‖ place (2)
 */
const NAMES_PER_ROW = 256;

/** So many names in memory are looked at in a turn (rule C3). */
const NAMES_PER_TURN = 1_024;

interface CreatedName {
  readonly name: Uint8Array;
  readonly place: number;
}

/** How many rows of names a block has. */
export function createdNamesRows(block: OpenBlock): number {
  return Math.ceil(block.creations / NAMES_PER_ROW);
}

/** Puts the rows of a full block, and pauses after each. */
export function* fillCreatedNames(block: OpenBlock, to: RowWriter): Generator<void> {
  const names = createdIn(block);
  for (let from = 0; from < names.length; from += NAMES_PER_ROW) {
    putCreatedNames(to, block.number, names.slice(from, from + NAMES_PER_ROW));
    yield;
  }
}

/** As texts of one byte a character they are in the order of their bytes, and quick to sort (rule C3). */
function createdIn(block: OpenBlock): CreatedName[] {
  const places = new Map<string, number>();
  for (const { id, prior } of block.streams.values()) {
    if (!prior) places.set(Buffer.from(block.names.name(id)).toString('latin1'), block.lists.at(id, 0));
  }
  return [...places.keys()]
    .sort()
    .map((name) => ({ name: Buffer.from(name, 'latin1'), place: places.get(name) as number }));
}

export function putCreatedNames(to: RowWriter, block: number, names: readonly CreatedName[]): void {
  const room = names.reduce((sum, { name }) => sum + name.length + 8, 0);
  to.startAt(createdNamesKey(block, (names.at(-1) as CreatedName).name), room);
  let before: Uint8Array = EMPTY;
  for (const { name, place } of names) {
    let shared = 0;
    while (shared < before.length && before[shared] === name[shared]) shared++;
    to.varint(shared)
      .varint(name.length - shared)
      .raw(name.subarray(shared))
      .u16(place);
    before = name;
  }
  to.end();
}

/** Undefined for bytes that are no such row. */
export function decodeCreatedNames(body: Uint8Array): CreatedName[] | undefined {
  const reader = new VarintReader(body, 0);
  const names: CreatedName[] = [];
  let before: Uint8Array = EMPTY;
  while (reader.more()) {
    const shared = reader.next();
    const more = reader.bytes(reader.next());
    const place = reader.bytes(2);
    if (!more || !place || shared > before.length) return undefined;
    const name = Buffer.concat([before.subarray(0, shared), more]);
    names.push({ name, place: ((place[0] as number) << 8) | (place[1] as number) });
    before = name;
  }
  return reader.bad || names.length === 0 ? undefined : names;
}

/** A stream, and where it begins. */
export interface Creation {
  readonly stream: string;
  readonly firstPosition: number;
}

/** What one look found: the streams that begin with a prefix in a block, in the order of their creation. */
export interface BlockCreations {
  readonly block: number;
  readonly creations: readonly Creation[];
}

/** Streams whose names begin with a prefix, block by block from a position on, with the blocks in which there are none of them. */
export async function* createdStreams(
  view: IndexView,
  prefix: string,
  fromPosition: number,
  yieldTurn: () => Promise<void>,
): AsyncGenerator<BlockCreations> {
  const bytes = encodeUtf8(prefix);
  const isIn = ({ firstPosition }: Creation) => firstPosition >= fromPosition && firstPosition <= view.head;
  const found = (block: number, names: readonly CreatedName[]): BlockCreations => {
    const first = block * view.blockEvents + 1;
    const creations = names
      .map(({ name, place }) => ({ stream: textOf(name), firstPosition: first + place }))
      .filter(isIn)
      .sort((a, b) => a.firstPosition - b.firstPosition);
    return { block, creations };
  };
  for (let block = Math.floor((fromPosition - 1) / view.blockEvents); block < view.sealedBlocks; block++) {
    const look = await lookInto(view, block, bytes);
    if (!look) break;
    block = look.block;
    yield found(block, look.names);
  }
  for (const block of view.blocks) {
    const creations: Creation[] = [];
    const begun = begunIn(block, (name) => name.startsWith(prefix), yieldTurn);
    for await (const some of begun) creations.push(...some.filter(isIn));
    yield { block: block.number, creations };
  }
}

/** The streams that begin in a block in memory and are wanted, in the order in which they came, those of a turn together. */
export async function* begunIn(
  block: OpenBlock,
  isWanted: (name: string) => boolean,
  yieldTurn: () => Promise<void>,
): AsyncGenerator<readonly Creation[]> {
  let creations: Creation[] = [];
  let looked = 0;
  for (const { name, id, prior } of block.streams.values()) {
    if (++looked % NAMES_PER_TURN === 0) {
      yield creations;
      creations = [];
      await yieldTurn();
    }
    if (prior || !isWanted(name)) continue;
    creations.push({ stream: name, firstPosition: block.firstPosition + block.lists.at(id, 0) });
  }
  yield creations;
}

/**
 * The names that begin so in a block, or where that has none, and the next row is of a later block, an empty look at the
 * one before: blocks in which no stream begins cost nothing. Undefined: nothing begins in this block or any later one.
 */
async function lookInto(
  view: IndexView,
  from: number,
  prefix: Uint8Array,
): Promise<{ readonly block: number; readonly names: readonly CreatedName[] } | undefined> {
  const begin = createdNamesKey(from, prefix);
  const scan = view.store.scan({
    from: begin.subarray(0, begin.length - 1),
    to: createdNamesKey(view.sealedBlocks, EMPTY),
  });
  try {
    const names: CreatedName[] = [];
    for (let first = true; ; first = false) {
      const [row] = await scan.next(1);
      if (!row) return first ? undefined : { block: from, names };
      const block = blockOfKey(row[0]);
      if (block !== from) return { block: first ? Math.max(from, block - 1) : from, names };
      const all = decodeRow(row[0], row[1], decodeCreatedNames);
      names.push(...all.filter(({ name }) => beginsWith(name, prefix)));
      if (!beginsWith((all.at(-1) as CreatedName).name, prefix)) return { block: from, names };
    }
  } finally {
    await scan.close();
  }
}

function beginsWith(name: Uint8Array, prefix: Uint8Array): boolean {
  return Buffer.compare(name.subarray(0, prefix.length), prefix) === 0;
}

function textOf(name: Uint8Array): string {
  const text = decodeUtf8(name);
  if (text === undefined) throw damagedIndex('a name of a stream is not UTF-8');
  return text;
}
