import { stepRefusal } from '../../../src/raft/changer.ts';
import { isQuorum } from '../../../src/raft/configuration.ts';
import { type Configuration, EntryType } from '../../../src/raft/types.ts';
import type { EntryRecord } from '../../../src/storage/record.ts';
import { membersText } from '../../support/members-text.ts';
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
  /** As the committed membership entries put them in force, one after the other. */
  private readonly configurations: Configuration[];

  constructor(founding: Configuration) {
    this.configurations = [founding];
  }

  /** The members as the last committed entry names them. */
  get configuration(): Configuration {
    return this.configurations.at(-1) as Configuration;
  }

  /** A node starts anew: its commit index may be an older one, and so may a term in which it has promised nothing. */
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

  /**
   * When an entry is first applied anywhere, a quorum has it on disk: one of the configuration before it, or of the one
   * before that, because a leader may have committed it together with the entry that changed the members.
   */
  onQuorum(record: EntryRecord, kept: ReadonlyMap<string, Buffer | undefined>): void {
    const holds = (id: string) => kept.get(id)?.equals(record.chain) === true;
    const inForce = this.configurations.slice(-2);
    const holders = [...kept.keys()].filter(holds);
    demand(
      inForce.some((configuration) => isQuorum(configuration, holds)),
      () => `entry ${record.index} was applied while only ${holders.join(', ') || 'nobody'} had it on disk`,
    );
    if (record.type !== EntryType.membership) return;
    const next = membersText.read(record);
    const refusal = stepRefusal(this.configuration, next);
    demand(refusal === undefined, () => `entry ${record.index} changes the members by no step: ${refusal}`);
    this.configurations.push(next);
  }

  private shownBy(id: string): Shown {
    const shown = this.shown.get(id) ?? { term: 0, commit: 0, applied: 0 };
    this.shown.set(id, shown);
    return shown;
  }
}
