import { setMaxListeners } from 'node:events';
import { systemClock } from '../runtime/clock.ts';
import { AppendPipeline } from './append-pipeline.ts';
import { FactstoreClient } from './client.ts';
import { ClusterClient } from './cluster.ts';
import { firstContact } from './first-contact.ts';
import { LeaderFinder } from './leader-finder.ts';
import { Nodes } from './nodes.ts';
import type { ConnectOptions } from './options.ts';
import { Seen, type Session } from './session.ts';
import { Turns } from './turns.ts';
import { Upcasting } from './upcasting.ts';
import { parseUrl } from './url.ts';

/**
 * Connects to a cluster.
 *
 * @param url One or more nodes of it, such as `factstore://127.0.0.1:2113` or `factstore://a:2113,b:2113`; the others
 * are learned from them. The port is 2113 unless given.
 * @returns A client, once one node has answered; the cluster need not have a leader yet. It stays with that cluster: a node
 * that is found to be of another one, also of one that `factstore recover` has made of it, is as one that cannot be reached,
 * and the reason says so. To go on there, connect anew.
 *
 * Ends in a FactstoreError: INVALID_ARGUMENT (the URL), UNREACHABLE (no node answered within `connectTimeoutMs`; the
 * text names each of them and why), FAILED_PRECONDITION (its nodes are of several clusters, of which more than one has a
 * leader; where one alone has, that is taken), NO_LEADER (none of these came to have one within `connectTimeoutMs`).
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<FactstoreClient> {
  const clock = systemClock;
  const upcasting = new Upcasting(options.upcasters);
  const nodes = new Nodes(parseUrl(url), clock);
  const closed = new AbortController();
  // Every call listens to it.
  setMaxListeners(0, closed.signal);
  const session: Session = {
    nodes,
    clock,
    seen: new Seen(),
    turns: new Turns(clock),
    timeoutMs: options.timeoutMs ?? 30_000,
    upcasting,
    closing: closed.signal,
  };
  const leaders = new LeaderFinder(nodes, clock);
  try {
    await firstContact(session, leaders, options.connectTimeoutMs ?? 5_000);
  } catch (error) {
    nodes.close();
    throw error;
  }
  const pipeline = new AppendPipeline(
    leaders,
    clock,
    {
      messages: options.appendsInFlightMax ?? 1_024,
      bytes: options.appendBytesInFlightMax ?? 8 << 20,
      queuedBytes: options.appendBytesQueuedMax ?? 256 << 20,
    },
    upcasting,
  );
  return new FactstoreClient({ session, pipeline, cluster: new ClusterClient(session, leaders), closed });
}
