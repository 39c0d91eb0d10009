import { quorumReached } from './configuration.ts';
import { startRound } from './heartbeat.ts';
import type { Leadership } from './leadership.ts';
import type { MessageOf, ReadOrigin } from './outbox.ts';
import type { RaftState } from './state.ts';

/**
 * Linearizable reads without writing to the log (thesis §6.4). A read gets the commit index as its read index; it may
 * be used once a quorum has answered a heartbeat round that *began after* the read was asked for, because then no other
 * leader can have committed anything by the time the read came in.
 *
 * One round confirms all reads that came before it began; while one is out, new reads gather for the next.
 */

/** A read of this node. Its answer comes with one of the next `ready()`s. */
export function requestRead<P>(s: RaftState<P>, id: number): void {
  if (s.leadership !== undefined) s.leadership.held.push({ id });
  else if (s.leader === undefined) s.outbox.answer(id, undefined);
  else s.forwarded.request(id);
}

/** Another node's reads. Whoever does not lead says so, which is quicker than silence. */
export function handleReadIndex<P>(s: RaftState<P>, m: MessageOf<P, 'readIndex'>): void {
  const origin = { from: m.from, context: m.context };
  if (s.leadership !== undefined) s.leadership.held.push(origin);
  else answer(s, origin, undefined);
}

export function handleReadIndexResponse<P>(s: RaftState<P>, m: MessageOf<P, 'readIndexResponse'>): void {
  const answers = s.forwarded.answered(m.context, m.reject ? undefined : m.index);
  for (const { id, index } of answers) s.outbox.answer(id, index);
}

/** Sends the reads that gathered on a follower. */
export function forwardReads<P>(s: RaftState<P>): void {
  if (s.leadership !== undefined || s.leader === undefined || !s.forwarded.canSend) return;
  s.outbox.send({ type: 'readIndex', from: s.id, to: s.leader, term: s.term, context: s.forwarded.send() });
}

/** Moves the leader's reads on as far as they can go. */
export function advanceReads<P>(s: RaftState<P>, l: Leadership): void {
  if (l.held.length > 0 && mayRead(s, l)) {
    for (const origin of l.held) l.waiting.push({ origin, index: s.log.commit });
    l.held = [];
  }
  if (l.waiting.length === 0 || l.unconfirmed.length > 0) return;
  startReadRound(s, l);
}

/**
 * A new leader does not know how far the log is committed until an entry of its own term is (thesis §6.4, step 1). Reads
 * wait, too, while leadership is handed over: the old leader may be replaced at any moment.
 */
function mayRead<P>(s: RaftState<P>, l: Leadership): boolean {
  return s.log.commit >= l.noopIndex && l.transfer === undefined;
}

function startReadRound<P>(s: RaftState<P>, l: Leadership): void {
  if (s.isAlone) {
    for (const { origin, index } of l.waiting) answer(s, origin, index);
    l.waiting = [];
    return;
  }
  startRound(s, l);
}

/** Answers the reads whose round a quorum has answered. */
export function confirmReads<P>(s: RaftState<P>, l: Leadership): void {
  if (l.unconfirmed.length === 0) return;
  const confirmed = quorumReached(s.configuration, (id) =>
    id === s.id ? l.round : (l.progress.get(id)?.roundAnswered ?? 0),
  );
  for (let batch = l.unconfirmed[0]; batch !== undefined && batch.round <= confirmed; batch = l.unconfirmed[0]) {
    l.unconfirmed.shift();
    for (const { origin, index } of batch.reads) answer(s, origin, index);
  }
}

/** Leadership is lost: no index that was given can be confirmed any more. */
export function refuseAllReads<P>(s: RaftState<P>, l: Leadership): void {
  for (const batch of l.unconfirmed) for (const { origin } of batch.reads) answer(s, origin, undefined);
  for (const { origin } of l.waiting) answer(s, origin, undefined);
  for (const origin of l.held) answer(s, origin, undefined);
}

function answer<P>(s: RaftState<P>, origin: ReadOrigin, index: number | undefined): void {
  if ('id' in origin) {
    s.outbox.answer(origin.id, index);
    return;
  }
  s.outbox.send({
    type: 'readIndexResponse',
    from: s.id,
    to: origin.from,
    term: s.term,
    context: origin.context,
    index: index ?? 0,
    reject: index === undefined,
  });
}
