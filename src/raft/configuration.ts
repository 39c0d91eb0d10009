import type { Configuration, MemberId } from './types.ts';

/**
 * Quorum arithmetic. In a joint configuration a decision needs a majority of each half (Raft §6); an empty half has
 * nothing to say and counts as satisfied.
 */

export function isVoter(configuration: Configuration, id: MemberId): boolean {
  const [incoming, outgoing] = configuration.voters;
  return incoming.has(id) || outgoing.has(id);
}

/** Everybody who votes, in either half, each once. */
export function allVoters(configuration: Configuration): Set<MemberId> {
  const [incoming, outgoing] = configuration.voters;
  return new Set([...incoming, ...outgoing]);
}

/** Everybody who receives the log, each once. */
export function allMembers(configuration: Configuration): Set<MemberId> {
  const { learners, learnersNext } = configuration;
  return new Set([...allVoters(configuration), ...learners, ...learnersNext]);
}

/**
 * The highest number that a majority of each half has reached: of match indexes it is what may be committed, of
 * heartbeat rounds the newest confirmed one. Infinity when nobody votes.
 */
export function quorumReached(configuration: Configuration, reached: (id: MemberId) => number): number {
  const [incoming, outgoing] = configuration.voters;
  return Math.min(majorityReached(incoming, reached), majorityReached(outgoing, reached));
}

function majorityReached(voters: ReadonlySet<MemberId>, reached: (id: MemberId) => number): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const numbers: number[] = [];
  for (const id of voters) numbers.push(reached(id));
  numbers.sort((a, b) => b - a);
  // With 2k or 2k + 1 voters a majority is k + 1, so the number at place k (from 0, descending) has been reached by it.
  return numbers[voters.size >> 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Where a ballot stands: `votes` tells yes, no, or not yet. */
export function voteResult(configuration: Configuration, votes: (id: MemberId) => boolean | undefined): VoteResult {
  const [incoming, outgoing] = configuration.voters;
  const first = majorityResult(incoming, votes);
  const second = majorityResult(outgoing, votes);
  if (first === 'lost' || second === 'lost') return 'lost';
  return first === 'won' && second === 'won' ? 'won' : 'pending';
}

function majorityResult(voters: ReadonlySet<MemberId>, votes: (id: MemberId) => boolean | undefined): VoteResult {
  if (voters.size === 0) return 'won';
  const majority = (voters.size >> 1) + 1;
  let yes = 0;
  let open = 0;
  for (const id of voters) {
    const vote = votes(id);
    if (vote === true) yes += 1;
    else if (vote === undefined) open += 1;
  }
  if (yes >= majority) return 'won';
  return yes + open >= majority ? 'pending' : 'lost';
}

/** Whether the members for whom `has` holds are a quorum. */
export function isQuorum(configuration: Configuration, has: (id: MemberId) => boolean): boolean {
  return voteResult(configuration, has) === 'won';
}

export function sameMembers(a: ReadonlySet<MemberId>, b: ReadonlySet<MemberId>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}
