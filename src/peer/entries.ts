import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
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
}

/** One answer holds about this much, or one entry. */
export const ENTRIES_BYTES_MAX = 4 << 20;
/** An entry of 16 MiB has to come through in this time. */
const FETCH_TIMEOUT_MS = 20_000;

export function encodeEntriesRequest({ clusterId, from, to }: EntriesRequest): Buffer {
  return new MessageWriter().data(1, clusterId).uint(2, from).uint(3, to).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not such a request. */
export function decodeEntriesRequest(bytes: Uint8Array): EntriesRequest {
  const reader = new MessageReader('EntriesRequest', bytes);
  const range = { from: 0, to: 0 };
  let clusterId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2) range.from = reader.uint('from');
    else if (reader.field === 3) range.to = reader.uint('to');
  }
  if (!clusterId) throw invalid('cluster_id', 'is missing');
  if (range.from < 1 || range.to < range.from) throw invalid('from', `${range.from} to ${range.to} is no range`);
  return { clusterId, ...range };
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

/** Asks one peer after another. `addresses` are asked for anew each time, since members come and go. */
export function entriesFromPeers(
  clusterId: Uint8Array,
  addresses: () => ReadonlyMap<string, string>,
  ports: { readonly clock: Clock; readonly signal: Signal },
): FetchEntries {
  return async (from, to, refusal) => {
    const request = encodeEntriesRequest({ clusterId, from, to });
    const reasons: string[] = [];
    for (const [nodeId, address] of addresses()) {
      try {
        const answer = await ask(address, 'Entries', request, { ...ports, timeoutMs: FETCH_TIMEOUT_MS });
        const records = decodeEntriesResponse(answer, from);
        const reason = await refusal(records);
        if (reason === undefined) return records;
        reasons.push(`${nodeId}: ${reason}`);
      } catch (error) {
        reasons.push(`${nodeId}: ${decodeError(error).message}`);
      }
    }
    throw new FactstoreError('UNREACHABLE', `no peer has entry ${from}: ${reasons.join('; ') || 'there are none'}`);
  };
}
