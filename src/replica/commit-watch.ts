import type { Clock } from '../runtime/clock.ts';

/** A disk that hiccups is back before this. */
const STALLED_MS = 5_000;

/**
 * Notices when a leader gets nothing committed although it has something to commit. Such a one may lead on for ever:
 * followers whose disks are full or hang still answer its heartbeats, and keep those who could do better from being
 * elected (check-quorum counts who answers, not who writes).
 */
export class CommitWatch {
  private readonly clock: Clock;
  private commit = 0;
  private sinceMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called about once a second. True: entries wait to be committed, and none was for a while. */
  stalled(leads: boolean, commit: number, lastIndex: number): boolean {
    const now = this.clock.monotonicMs();
    if (!leads || commit !== this.commit || commit === lastIndex) {
      this.commit = commit;
      this.sinceMs = now;
    }
    return now - this.sinceMs >= STALLED_MS;
  }
}
