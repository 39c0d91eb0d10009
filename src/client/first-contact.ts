import { FactstoreError } from '../base/errors.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { type Answer, Inquiry } from './inquiry.ts';
import type { LeaderFinder } from './leader-finder.ts';
import { Attempts } from './nodes.ts';
import type { Session } from './session.ts';
import { isRetryable } from './status-error.ts';

/** Finds out which cluster the nodes of the URL are of, then its members and its leader, if there is one. */
export async function firstContact(session: Session, leaders: LeaderFinder, timeoutMs: number): Promise<void> {
  const { nodes, clock, closing } = session;
  const attempts = new Attempts('connecting', nodes, { timeoutMs, signal: closing }, clock);
  for (;;) {
    try {
      await settle(session);
      break;
    } catch (error) {
      await attempts.failed(undefined, error);
    }
  }
  try {
    await leaders.search(closing);
  } catch (error) {
    // It is enough that somebody answered: whoever needs a leader looks for it again.
    if (!(error instanceof FactstoreError && isRetryable(error))) throw error;
  }
}

/** Only those of the URL are asked: an address that a member had may be another cluster's by now, which says nothing. */
async function settle({ nodes, clock, closing }: Session): Promise<void> {
  const round = new Inquiry(clock, (node, limits) => node.anyStatus(limits));
  // One of a cluster that has no leader may have been left behind, and the client would stay with it.
  const isLed = ({ leader }: StatusResponse__Output) => leader !== '';
  await round.ask(nodes.all, closing, () => [], isLed);
  if (round.answers.length === 0) throw round.silence();
  const id = clusterOf(round.answers);
  if (id !== undefined) nodes.cluster.settle(id);
}

/**
 * The one cluster of these nodes; undefined where none of them has one yet. Of two the one that is led: the other may be a
 * node that was left behind by `factstore recover`, or an old address. Where both are, or none is, nobody can tell.
 */
function clusterOf(answers: readonly Answer[]): string | undefined {
  const byCluster = new Map<string, Answer[]>();
  for (const answer of answers) {
    const { clusterId } = answer.status;
    if (clusterId !== '') byCluster.set(clusterId, [...(byCluster.get(clusterId) ?? []), answer]);
  }
  if (byCluster.size < 2) return [...byCluster.keys()][0];
  const led = [...byCluster].filter(([, nodes]) => nodes.some(({ status }) => status.leader !== ''));
  if (led.length === 1) return led[0]?.[0];
  const named = [...byCluster].map(([id, nodes]) => `${id} (${nodes.map(({ node }) => node.address).join(', ')})`);
  const text = `the nodes of the URL belong to different clusters: ${named.join(' and ')}`;
  if (led.length === 0) throw new FactstoreError('NO_LEADER', `${text}; none of these has a leader.`);
  throw new FactstoreError('FAILED_PRECONDITION', `${text}. Name the nodes of the one that is meant.`);
}
