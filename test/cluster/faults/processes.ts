import type { ProcessNode } from '../../support/process-cluster.ts';
import type { Cluster } from '../cluster.ts';
import { type FaultKind, names, shuffled, victims } from './fault.ts';

const available = async () => undefined;

/** SIGKILL. The operating system keeps what was written; what was not is lost. */
export const kill: FaultKind = {
  name: 'kill',
  unavailable: available,
  draw(stage) {
    const nodes = victims(stage);
    const { cluster } = stage;
    return {
      what: `${names(nodes)} killed`,
      begin: async () => void (await Promise.all(nodes.map((node) => cluster.end(node, 'SIGKILL')))),
      heal: async () => startAll(cluster, nodes),
    };
  },
};

/** SIGSTOP and SIGCONT: a node that misses a while and goes on as if nothing had happened. */
export const pause: FaultKind = {
  name: 'pause',
  unavailable: available,
  draw(stage) {
    const nodes = victims(stage);
    return {
      what: `${names(nodes)} paused`,
      begin: async () => signalAll(nodes, 'SIGSTOP'),
      heal: async () => signalAll(nodes, 'SIGCONT'),
    };
  },
};

/** Every node is stopped in order and started again, one after the other, as an upgrade does. */
export const rolling: FaultKind = {
  name: 'rolling',
  restarts: true,
  unavailable: available,
  draw({ cluster, random, together }) {
    const nodes = shuffled(random, cluster.nodes);
    return {
      what: `${names(nodes)} restarted in turn`,
      begin: async () => {
        for (const node of nodes) {
          await cluster.end(node, 'SIGTERM');
          cluster.start(node);
          await together(node);
        }
      },
      heal: async () => startAll(cluster, nodes),
    };
  },
};

function startAll(cluster: Cluster, nodes: readonly ProcessNode[]): void {
  for (const node of nodes) cluster.start(node);
}

function signalAll(nodes: readonly ProcessNode[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const node of nodes) node.signal(signal);
}
