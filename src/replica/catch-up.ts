import { FactstoreError } from '../base/errors.ts';
import type { Entry, MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FetchEntries } from '../storage/raft-log-rewrite.ts';
import type { EntryRecord, LogPlace } from '../storage/record.ts';
import { firstBreak } from './continuation.ts';
import type { DurableLog, PeerMessage } from './ports.ts';

type Append = Extract<PeerMessage, { type: 'append' }>;

export interface CatchUpPorts {
  readonly log: Pick<DurableLog, 'placeAt'>;
  readonly clock: Clock;
  /** Committed entries of other members; `last` is asked where nobody else has them. */
  fetchEntries(last: MemberId): FetchEntries;
  /** An append as its sender would have filled it. */
  filled(append: Append): void;
  fatal(error: unknown): void;
}

/**
 * The follower's half of rule C5. What is committed is the same everywhere, so a leader does not load it from its disk for a
 * follower that lags: it names the range (`isReferral`), and the follower gets the entries from other followers first. Its
 * core then sees the append that the leader could have sent.
 *
 * One range at a time, which is the throttle. Nothing is told to the leader where the range is not to be had: after an
 * election timeout it would send a lost append again, and instead of naming the range again it sends the entries
 * (`Referrals`).
 */
export class CatchUp {
  private readonly ports: CatchUpPorts;
  private fetching = false;

  constructor(ports: CatchUpPorts) {
    this.ports = ports;
  }

  async follow(referral: Append): Promise<void> {
    if (this.fetching) return;
    this.fetching = true;
    const { log, clock, fetchEntries, filled, fatal } = this.ports;
    try {
      const end = await log.placeAt(referral.index);
      const from = referral.index + 1;
      const to = referral.index + referral.loadMax;
      const records = await fetchEntries(referral.from)(from, to, (answer) => refusal(answer, end, clock.yieldTurn));
      filled({ ...referral, entries: records.map(entryOf) });
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'UNREACHABLE') fatal(error);
    } finally {
      this.fetching = false;
    }
  }
}

/** An append that names committed entries instead of carrying them. */
export function isReferral(message: PeerMessage): message is Append {
  return message.type === 'append' && message.entries === undefined;
}

/** An entry as the core knows it. */
export function entryOf(record: EntryRecord): Entry<EntryRecord> {
  const { index, term, type, bytes } = record;
  return { index, term, type, bytes: bytes.length, payload: record };
}

/** Whoever gives something else than what continues the log here is passed over. */
async function refusal(
  records: readonly EntryRecord[],
  end: LogPlace,
  yieldTurn: () => Promise<void>,
): Promise<string | undefined> {
  if (records.length === 0) return `it has no committed entry ${end.index + 1}`;
  const broken = await firstBreak(records, end, yieldTurn);
  return broken && `its entry ${broken.record.index} does not continue entry ${broken.end.index}: ${broken.problem}`;
}
