import type { Prng } from '../../../src/base/prng.ts';
import type { ProcessNode } from '../../support/process-cluster.ts';
import type { Cluster } from '../cluster.ts';

/** Something that has been drawn to go wrong. */
export interface Fault {
  /** In a few words, for the report. */
  readonly what: string;
  begin(): Promise<void>;
  /** Must work whether or not `begin` has come to its end. */
  heal(): Promise<void>;
}

/** What a fault is drawn from. */
export interface Stage {
  readonly cluster: Cluster;
  readonly random: Prng;
  /** A directory for what a fault needs. */
  readonly scratch: string;
  /** The node that led when it was last asked; undefined: none did. */
  leader(): ProcessNode | undefined;
  /** Resolves once a node answers and is not far behind. */
  together(node: ProcessNode): Promise<void>;
}

export interface FaultKind {
  readonly name: string;
  /** True: it acts on the network alone, and can come together with any other. */
  readonly networkOnly?: boolean;
  /** True: nodes are started anew for it, which takes a while; so a short run begins with the others. */
  readonly restarts?: boolean;
  /** Why it cannot be had on this machine; undefined: it can. */
  unavailable(): Promise<string | undefined>;
  draw(stage: Stage): Fault;
}

export function oneOf<T>(random: Prng, items: readonly T[]): T {
  return items[random.between(0, items.length)] as T;
}

export function shuffled<T>(random: Prng, items: readonly T[]): T[] {
  const order = [...items];
  for (let n = order.length - 1; n > 0; n--) {
    const other = random.between(0, n + 1);
    [order[n], order[other]] = [order[other] as T, order[n] as T];
  }
  return order;
}

/** The leader as often as not, for it has the most to lose; else any node. */
export function victim({ cluster, random, leader }: Stage): ProcessNode {
  const any = oneOf(random, cluster.nodes);
  return random.between(0, 2) === 0 ? (leader() ?? any) : any;
}

/** One victim, or more of them, up to all. */
export function victims(stage: Stage): readonly ProcessNode[] {
  const { random, cluster } = stage;
  const first = victim(stage);
  const others = shuffled(random, cluster.nodes).filter((node) => node !== first);
  const count = random.between(0, 3) > 0 ? 1 : random.between(2, cluster.nodes.length + 1);
  return [first, ...others].slice(0, count);
}

export function names(nodes: readonly ProcessNode[]): string {
  return nodes.map(({ id }) => id).join(', ');
}
