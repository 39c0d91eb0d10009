import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FetchEntries, Refusal } from '../storage/raft-log-rewrite.ts';
import { EntryRecord, recordDamage } from '../storage/record.ts';
import { decodeError, id16 } from './codec.ts';
import { ask } from './grpc.ts';

/** What a node asks that has lost entries. */
export interface EntriesRequest {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** The first log index, and the last one, inclusive. */
  readonly from: number;
  readonly to: number;
  /** Also those that are durable and not known to be committed: the asker can tell which ones it has lost. */
  readonly uncommitted: boolean;
}

/** One answer holds about this much, or one entry. */
export const ENTRIES_BYTES_MAX = 4 << 20;
/** An entry of 16 MiB has to come through in this time. */
const FETCH_TIMEOUT_MS = 20_000;

export function encodeEntriesRequest({ clusterId, from, to, uncommitted }: EntriesRequest): Buffer {
  return new MessageWriter().data(1, clusterId).uint(2, from).uint(3, to).bool(4, uncommitted).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not such a request. */
export function decodeEntriesRequest(bytes: Uint8Array): EntriesRequest {
  const reader = new MessageReader('EntriesRequest', bytes);
  const range = { from: 0, to: 0 };
  let uncommitted = false;
  let clusterId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2) range.from = reader.uint('from');
    else if (reader.field === 3) range.to = reader.uint('to');
    else if (reader.field === 4) uncommitted = reader.bool('uncommitted');
  }
  if (!clusterId) throw invalid('cluster_id', 'is missing');
  if (range.from < 1 || range.to < range.from) throw invalid('from', `${range.from} to ${range.to} is no range`);
  return { clusterId, ...range, uncommitted };
}

export function encodeEntriesResponse(records: readonly EntryRecord[]): Buffer {
  const writer = new MessageWriter(records.reduce((sum, { bytes }) => sum + bytes.length + 8, 16));
  for (const { bytes } of records) writer.data(1, bytes);
  return writer.finish();
}

/** The entries from `from` on, as copies. Ends in DATA_LOSS where one is not whole. */
export function decodeEntriesResponse(bytes: Uint8Array, from: number): EntryRecord[] {
  const reader = new MessageReader('EntriesResponse', bytes);
  const records: EntryRecord[] = [];
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const index = from + records.length;
    const record = Buffer.from(reader.data('entries'));
    const reason = recordDamage(index, record);
    if (reason !== undefined)
      throw new FactstoreError('DATA_LOSS', `its entry ${index} is damaged: ${reason}`, { index });
    records.push(new EntryRecord(index, record));
  }
  return records;
}

/** Who can be asked, and where each may be. */
export type PeerPlaces = ReadonlyMap<string, readonly string[]>;

/** Asks one peer after another. `places` are asked for anew each time, since members come and go. */
export function entriesFromPeers(
  clusterId: Uint8Array,
  places: () => PeerPlaces,
  ports: { readonly clock: Clock; readonly signal: Signal },
): FetchEntries {
  const askOne = async (address: string, from: number, to: number, uncommitted: boolean) => {
    const request = encodeEntriesRequest({ clusterId, from, to, uncommitted });
    return decodeEntriesResponse(
      await ask(address, 'Entries', request, { ...ports, timeoutMs: FETCH_TIMEOUT_MS }),
      from,
    );
  };
  return async (from, to, refusal, orElse) => {
    const peers = new Peers(places());
    const committed = await peers.first((address) => askOne(address, from, to, false), refusal);
    if (committed) return committed;
    const run = await orElse?.();
    const proven = run && (await peers.first((address) => whole(from, run.to, address, askOne), run.refusal));
    if (proven) return proven;
    const { reasons, unheard } = peers;
    throw new FactstoreError('UNREACHABLE', `no peer has entry ${from}: ${reasons}`, { unheard });
  };
}

/** A run of entries that no answer may be large enough for. It is short: what is not known to be committed is in flight. */
async function whole(
  from: number,
  to: number,
  address: string,
  askOne: (address: string, from: number, to: number, uncommitted: boolean) => Promise<readonly EntryRecord[]>,
): Promise<readonly EntryRecord[]> {
  const records: EntryRecord[] = [];
  for (let next = from; next <= to; next = from + records.length) {
    const answer = await askOne(address, next, to, true);
    if (answer.length === 0) break;
    for (const record of answer) records.push(record);
  }
  return records;
}

/** Where a peer may be, and why it could not help there. */
interface Place {
  readonly name: string;
  readonly address: string;
  obstacle: string;
  silent: boolean;
}

/** Those that are asked for something, and why they do not have it. */
class Peers {
  private readonly all: number;
  private readonly places: readonly Place[];

  constructor(places: PeerPlaces) {
    this.all = places.size;
    this.places = [...places].flatMap(([name, addresses]) =>
      addresses.map((address) => ({ name, address, obstacle: '', silent: false })),
    );
  }

  /** How many of them could not be reached anywhere. */
  get unheard(): number {
    return this.all - new Set(this.places.filter(({ silent }) => !silent).map(({ name }) => name)).size;
  }

  get reasons(): string {
    const met = this.places.filter(({ obstacle }) => obstacle !== '');
    return met.map(({ name, obstacle }) => `${name}: ${obstacle}`).join('; ') || 'there are none';
  }

  /** The first answer with which nothing is wrong. Where nobody can be reached nobody is looked for again. */
  async first(
    question: (address: string) => Promise<readonly EntryRecord[]>,
    refusal: Refusal,
  ): Promise<readonly EntryRecord[] | undefined> {
    for (const place of this.places) {
      if (place.silent) continue;
      try {
        const records = await question(place.address);
        const reason = await refusal(records);
        if (reason === undefined) return records;
        place.obstacle = reason;
      } catch (error) {
        const { code, message } = decodeError(error);
        place.obstacle = message;
        place.silent = code === 'UNREACHABLE';
      }
    }
    return undefined;
  }
}
