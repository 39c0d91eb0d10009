import type { EntryRecord } from '../../../src/storage/record.ts';
import { demand, Violation } from './violation.ts';

/** What is seen of a node's part in raft. */
export interface RaftView {
  readonly role: string;
  readonly term: number;
  /** Undefined: not looked at this time. */
  readonly commit: number | undefined;
}

/** What one life of a node has shown. */
interface Shown {
  term: number;
  commit: number;
  applied: number;
}

/** The promises of Raft that can be seen from outside: one leader a term, and nothing ever goes back. */
export class RaftChecks {
  private readonly leaders = new Map<number, string>();
  private readonly shown = new Map<string, Shown>();
  private readonly voters: number;

  constructor(voters: number) {
    this.voters = voters;
  }

  /** A node starts anew: its commit index may be an older one, its term may not be. */
  started(id: string): void {
    this.shown.delete(id);
  }

  seen(id: string, { role, term, commit }: RaftView): void {
    const before = this.shownBy(id);
    demand(term >= before.term, () => `${id} goes back from term ${before.term} to term ${term}`);
    before.term = term;
    if (commit !== undefined) {
      demand(commit >= before.commit, () => `${id} goes back from commit index ${before.commit} to ${commit}`);
      before.commit = commit;
    }
    if (role !== 'leader') return;
    const leader = this.leaders.get(term) ?? id;
    demand(leader === id, () => `${leader} and ${id} both lead term ${term}`);
    this.leaders.set(term, id);
  }

  applied(id: string, record: EntryRecord): void {
    const shown = this.shownBy(id);
    if (shown.applied > 0 && record.index !== shown.applied + 1) {
      throw new Violation(`${id} applied entry ${record.index} after entry ${shown.applied}`);
    }
    shown.applied = record.index;
  }

  /** When an entry is first applied anywhere, a majority has it on disk. */
  onMajority(record: EntryRecord, kept: readonly (Buffer | undefined)[]): void {
    const holders = kept.filter((chain) => chain?.equals(record.chain)).length;
    demand(
      holders > this.voters / 2,
      () => `entry ${record.index} was applied while ${holders} of ${this.voters} nodes had it on disk`,
    );
  }

  private shownBy(id: string): Shown {
    const shown = this.shown.get(id) ?? { term: 0, commit: 0, applied: 0 };
    this.shown.set(id, shown);
    return shown;
  }
}
