import type { MemberId } from '../raft/types.ts';

interface Referral {
  /** Behind which index a range was named last; undefined: the last one was sent. */
  named: number | undefined;
  /** How many that were named were missed, one after another. */
  missed: number;
  /** How many ranges are sent before one is named again. */
  toSend: number;
}

/**
 * A leader's memory of which followers find elsewhere what is named to them (rule C5). A range that is wanted again was not
 * found: it is sent, and later ones are named again. Each miss costs an election timeout, and a follower may lack the very
 * entries that say whom to ask: with every further miss in a row, twice as many are sent.
 */
export class Referrals {
  private readonly followers = new Map<MemberId, Referral>();

  /** Whether a follower is to be named the range behind `index`, and not sent it. */
  name(to: MemberId, index: number): boolean {
    const known = this.followers.get(to) ?? { named: undefined, missed: 0, toSend: 0 };
    this.followers.set(to, known);
    if (known.named === index) known.toSend = 2 ** known.missed++;
    else if (known.named !== undefined) known.missed = 0;
    known.named = known.toSend > 0 ? undefined : index;
    if (known.toSend > 0) known.toSend--;
    return known.named !== undefined;
  }
}
