import type { Prng } from '../../src/base/prng.ts';
import { partsOf, RECORD_HEADER_BYTES, recordsIn } from './leveldb-files.ts';

/** What happens to one file of a database, or to all of them. */
export interface Damage {
  readonly name: string;
  readonly database: 'log' | 'index';
  /** The files of which one is drawn. */
  readonly files: RegExp;
  /** True: the damage is done to files that a node has open. */
  readonly running: boolean;
  /** Gives what the file holds from then on; undefined: it is gone; the same bytes: it has no such place. */
  change(bytes: Buffer, random: Prng): Buffer | undefined;
}

type Place = (bytes: Buffer, random: Prng) => number | undefined;
type Change = Damage['change'];

const flip =
  (place: Place): Change =>
  (bytes, random) => {
    const at = place(bytes, random);
    if (at === undefined || at >= bytes.length) return bytes;
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] as number) ^ (1 << random.between(0, 8));
    return copy;
  };

const cut =
  (place: Place): Change =>
  (bytes, random) =>
    bytes.subarray(0, place(bytes, random) ?? bytes.length);

const ORDINALS = { first: 0, middle: 0.5, last: 1 };

/** Bytes of the first, a middle and the last record of a write-ahead file or a manifest. */
function recordPlaces(): [string, Place][] {
  const inRecord = (share: number, offset: (length: number, random: Prng) => number): Place => {
    return (bytes, random) => {
      const records = recordsIn(bytes);
      const record = records[Math.round(share * (records.length - 1))];
      return record && record.at + offset(record.length, random);
    };
  };
  return Object.entries(ORDINALS).flatMap(([ordinal, share]): [string, Place][] => [
    [`the checksum of the ${ordinal} record`, inRecord(share, () => 1)],
    [`the length of the ${ordinal} record`, inRecord(share, () => 4)],
    [`the type of the ${ordinal} record`, inRecord(share, () => 6)],
    [`the head of the batch in the ${ordinal} record`, inRecord(share, () => RECORD_HEADER_BYTES + 3)],
    [
      `the rows of the ${ordinal} record`,
      inRecord(share, (length, random) => RECORD_HEADER_BYTES + random.between(Math.min(12, length - 1), length)),
    ],
  ]);
}

const RECORD_CUTS: [string, Place][] = [
  ['to nothing', () => 0],
  ['inside the first header', () => 3],
  ['between two records', (bytes) => recordsIn(bytes).at(-2)?.at],
  ['before the last record', (bytes) => recordsIn(bytes).at(-1)?.at],
  ['inside the last record', (bytes) => (recordsIn(bytes).at(-1)?.at ?? 0) + RECORD_HEADER_BYTES + 1],
  ['by one byte', (bytes) => bytes.length - 1],
];

const TABLE_PLACES: [string, Place][] = [
  ['the first row', (_, random) => random.between(3, 40)],
  ['rows in the middle', (bytes, random) => Math.floor((partsOf(bytes).metaindexAt * random.between(30, 70)) / 100)],
  ['the last rows', (bytes, random) => partsOf(bytes).metaindexAt - random.between(6, 60)],
  ['the checksum of the last block of rows', (bytes) => partsOf(bytes).metaindexAt - 2],
  ['the compression of the last block of rows', (bytes) => partsOf(bytes).metaindexAt - 5],
  ['the block of meta data', (bytes) => partsOf(bytes).metaindexAt],
  ['the block that finds the others', (bytes, random) => partsOf(bytes).indexAt + random.between(0, 30)],
  ['the checksum of that block', (bytes) => partsOf(bytes).footerAt - 2],
  ['the footer', (bytes) => partsOf(bytes).footerAt + 1],
  ['the magic number', (bytes) => bytes.length - 4],
];

const TABLE_CUTS: [string, Place][] = [
  ['to nothing', () => 0],
  ['inside the first block', () => 20],
  ['in the middle', (bytes) => bytes.length >> 1],
  ['before the block that finds the others', (bytes) => partsOf(bytes).indexAt],
  ['before the footer', (bytes) => partsOf(bytes).footerAt],
  ['by one byte', (bytes) => bytes.length - 1],
];

const CURRENT_PLACES: [string, Place][] = [
  ['the name', (_, random) => random.between(0, 15)],
  ['the end of the line', (bytes) => bytes.length - 1],
];

interface FileType {
  readonly name: string;
  readonly files: RegExp;
  readonly places: readonly [string, Place][];
  readonly cuts: readonly [string, Place][];
}

const FILE_TYPES: readonly FileType[] = [
  { name: 'write-ahead file', files: /\.log$/, places: recordPlaces(), cuts: RECORD_CUTS },
  { name: 'table', files: /\.ldb$/, places: TABLE_PLACES, cuts: TABLE_CUTS },
  { name: 'manifest', files: /^MANIFEST/, places: recordPlaces(), cuts: RECORD_CUTS },
  {
    name: 'CURRENT',
    files: /^CURRENT$/,
    places: CURRENT_PLACES,
    cuts: [
      ['to nothing', () => 0],
      ['by one byte', (bytes) => bytes.length - 1],
    ],
  },
];

const gone: Change = () => undefined;

/** The matrix: each class of bytes of each file of LevelDB, each interesting length, each file gone, and all of them. */
export const DAMAGES: readonly Damage[] = (['log', 'index'] as const).flatMap((database) => [
  ...FILE_TYPES.flatMap((type) => {
    const one = (name: string, change: Change, running = false): Damage => {
      const where = `${database}/: ${type.name}${running ? ' of a running node' : ''}`;
      return { name: `${where}: ${name}`, database, files: type.files, running, change };
    };
    return [
      ...type.places.map(([name, place]) => one(`a bit of ${name}`, flip(place))),
      ...type.cuts.map(([name, place]) => one(`cut ${name}`, cut(place))),
      one('gone', gone),
      ...type.places
        .filter(([name]) => /rows/.test(name))
        .map(([name, place]) => one(`a bit of ${name}`, flip(place), true)),
      one('gone', gone, true),
    ];
  }),
  { name: `${database}/: LOCK gone`, database, files: /^LOCK$/, running: false, change: gone },
  { name: `${database}/: LOG gone`, database, files: /^LOG$/, running: false, change: gone },
  { name: `${database}/: emptied`, database, files: /^/, running: false, change: gone },
]);

/** Whether a damage is done to every file that fits, and not to one of them. */
export function hitsAll({ files }: Damage): boolean {
  return files.source === '^';
}
