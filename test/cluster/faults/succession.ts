import { type FaultKind, oneOf, shuffled } from './fault.ts';

/**
 * A follower is cut off and falls behind; as it comes back the leader is killed. The one that lags must not be elected,
 * or what was acknowledged in its absence would be lost (Raft §5.4.1).
 */
export const succession: FaultKind = {
  name: 'succession',
  unavailable: async () => undefined,
  draw({ cluster, random, leader }) {
    const { nodes, network } = cluster;
    const first = leader() ?? oneOf(random, nodes);
    const behind = shuffled(random, nodes).find((node) => node !== first) ?? first;
    const behindMs = random.between(1_000, 4_000);
    return {
      what: `${first.id} killed while ${behind.id} comes back from behind`,
      begin: async () => {
        network.partition((from, to) => from !== behind.id && to !== behind.id);
        await new Promise((resolve) => setTimeout(resolve, behindMs));
        await cluster.end(first, 'SIGKILL');
        network.heal(true);
      },
      heal: async () => {
        network.heal(true);
        cluster.start(first);
      },
    };
  },
};
