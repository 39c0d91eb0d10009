import { FactstoreError } from '../base/errors.ts';
import { EntryType } from '../raft/types.ts';
import type { Damage } from './damage.ts';
import type { RaftLogReader } from './raft-log-reader.ts';
import { membershipKey } from './raft-log-rows.ts';
import { RaftLogWalk } from './raft-log-walk.ts';
import { type EntryRecord, emptyLog } from './record.ts';

export interface VerifyProgress {
  /** Everything up to this index has been checked … */
  readonly checkedTo: number;
  /** … of everything up to this one. */
  readonly to: number;
  /** How many bytes of records have been checked. */
  readonly bytes: number;
  /** What was found since the last report. */
  readonly damages: readonly Damage[];
}

/**
 * Checks a log from its first entry to the durable commit index, or to `to`: every record, digest, chain hash, position, time, and
 * the membership rows. It goes on behind what is damaged, so that one run tells all, and reports after each turn.
 */
export async function* verifyLog(
  reader: RaftLogReader,
  genesis: Uint8Array,
  to = reader.commit,
): AsyncGenerator<VerifyProgress, void, undefined> {
  const walk = new RaftLogWalk(reader, 1, 1, emptyLog(genesis));
  while (walk.expected <= to) {
    const from = walk.expected;
    try {
      const rows = await reader.readRows(from, to);
      for (const [key, value] of rows) {
        const record = walk.accept(key, value);
        if (record?.type === EntryType.membership && record.index <= reader.commit)
          await checkMembership(reader, walk, record);
      }
      if (rows.length === 0) walk.skipTo(to + 1);
      else if (walk.expected === from) walk.pass('it is missing');
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'DATA_LOSS') throw error;
      walk.pass('it cannot be read');
    }
    yield { checkedTo: walk.expected - 1, to, bytes: walk.bytes, damages: walk.damages.splice(0) };
  }
}

async function checkMembership(reader: RaftLogReader, walk: RaftLogWalk, record: EntryRecord): Promise<void> {
  const row = await reader.reading(record.index, reader.store.get(membershipKey(record.index)));
  if (row?.equals(record.bytes) !== true) walk.report(record.index, 'its membership row is missing or another one');
}
