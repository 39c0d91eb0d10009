import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/ports.ts';
import { ProcessNode } from '../support/process-cluster.ts';
import { Network } from './network.ts';
import { SmallDisk } from './small-disk.ts';

/** How often the cluster looks whether a node has ended by itself. */
const WATCH_MS = 1_000;
/** Of what a node said when it ended, so many characters of a line are shown. */
const LINE_MAX = 300;

export interface ClusterOptions {
  readonly size: number;
  /** True: the data of each node is on a small file system of its own. */
  readonly smallDisks: boolean;
}

/** A node that ended although nobody ended it. */
export interface UnexpectedEnd {
  readonly node: string;
  readonly lastLines: readonly string[];
}

/**
 * Nodes of the built program that reach each other through a network in which faults can be made, under a supervisor
 * that starts a node again when it has ended by itself, as that of an operating system does.
 */
export class Cluster {
  readonly nodes: readonly ProcessNode[];
  readonly network: Network;
  /** Empty where the nodes share the file system of the machine. */
  readonly disks: ReadonlyMap<string, SmallDisk>;
  readonly unexpectedEnds: UnexpectedEnd[] = [];
  private readonly directory: string;
  /** Nodes that the nemesis keeps down. */
  private readonly down = new Set<ProcessNode>();
  /** Nodes that a fault may end, and which are then started again. */
  private readonly mayEnd = new Set<ProcessNode>();
  /** Nodes with files that are not what they wrote. */
  private readonly withDamage = new Set<ProcessNode>();
  private readonly environments = new Map<ProcessNode, NodeJS.ProcessEnv>();
  private watch: NodeJS.Timeout | undefined;
  restarts = 0;

  private constructor(
    directory: string,
    nodes: readonly ProcessNode[],
    network: Network,
    disks: ReadonlyMap<string, SmallDisk>,
  ) {
    this.directory = directory;
    this.nodes = nodes;
    this.network = network;
    this.disks = disks;
  }

  static async start({ size, smallDisks }: ClusterOptions): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'factstore-nemesis-'));
    const ids = Array.from({ length: size }, (_, n) => `n${n + 1}`);
    const disks = new Map<string, SmallDisk>();
    let network: Network | undefined;
    try {
      if (smallDisks) for (const id of ids) disks.set(id, await SmallDisk.mount(join(directory, `${id}-disk`)));
      const ports = await freePorts(size * 2);
      network = await Network.open(new Map(ids.map((id, n) => [id, ports[size + n] as number])));
      const nodes = ids.map((id, n) => {
        const data = join(disks.get(id)?.path ?? directory, id);
        const address = `127.0.0.1:${ports[n]}`;
        const peers = ids.map((peer) => {
          const port = peer === id ? ports[size + n] : network?.port(id, peer);
          return `${peer}=127.0.0.1:${port}`;
        });
        const reserve = smallDisks ? SmallDisk.RESERVE_BYTES : 0;
        const flags = {
          'node-id': id,
          data,
          listen: address,
          'peer-listen': `127.0.0.1:${ports[size + n]}`,
          cluster: peers.join(','),
          'disk-reserve-bytes': String(reserve),
          'ballast-bytes': String(reserve / 8),
        };
        return new ProcessNode(
          id,
          address,
          data,
          Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
        );
      });
      const cluster = new Cluster(directory, nodes, network, disks);
      for (const node of nodes) node.start();
      cluster.watch = setInterval(() => cluster.supervise(), WATCH_MS);
      return cluster;
    } catch (error) {
      await network?.close();
      for (const disk of disks.values()) disk.unmount();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** The addresses of all nodes, beginning with number `first`. */
  url(first = 0): string {
    const { nodes } = this;
    const turned = nodes.map((_, n) => nodes[(first + n) % nodes.length] as ProcessNode);
    return `factstore://${turned.map(({ address }) => address).join(',')}`;
  }

  node(id: string): ProcessNode {
    const found = this.nodes.find((node) => node.id === id);
    if (!found) throw new Error(`there is no node ${id}`);
    return found;
  }

  /** Ends a node and keeps it down. */
  async end(node: ProcessNode, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.down.add(node);
    // A paused process would never see SIGTERM.
    if (node.running) node.signal('SIGCONT');
    await node.end(signal);
  }

  /** Starts a node that is down; with this environment also later, when it has ended by itself. */
  start(node: ProcessNode, environment: NodeJS.ProcessEnv = {}): void {
    this.restartsWith(node, environment);
    this.down.delete(node);
    if (!node.running) node.start(environment);
  }

  /** The environment in which a node that ends by itself is started again. */
  restartsWith(node: ProcessNode, environment: NodeJS.ProcessEnv): void {
    this.environments.set(node, environment);
  }

  /** Says that a fault may end this node by itself. */
  mayEndByItself(node: ProcessNode): void {
    this.mayEnd.add(node);
  }

  /**
   * From now on no node may end by itself. To be called once the cluster has recovered, not when a fault is healed: a
   * process that met the fault may take a while to end.
   */
  noneMayEnd(): void {
    this.mayEnd.clear();
  }

  /**
   * Says that a node's files are damaged, which it may come upon at any time from now on. Where it ends because of that
   * and cannot go on with its directory, it is given an empty one, as it asks for.
   */
  damaged(node: ProcessNode): void {
    this.withDamage.add(node);
  }

  /** Writes what each node said into a directory. */
  async saveOutput(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true });
    for (const node of this.nodes) await writeFile(join(directory, `${node.id}.log`), `${node.output.join('\n')}\n`);
  }

  /** Ends every process and removes everything that was made, what can be where something cannot. */
  async dispose(): Promise<void> {
    clearInterval(this.watch);
    try {
      await Promise.all(this.nodes.map((node) => this.end(node, 'SIGKILL')));
      await this.network.close();
    } finally {
      for (const disk of this.disks.values()) disk.unmount();
      await rm(this.directory, { recursive: true, force: true });
    }
  }

  private supervise(): void {
    for (const node of this.nodes) {
      if (node.running || this.down.has(node)) continue;
      this.restarts++;
      const damaged = this.withDamage.has(node);
      if (damaged && lostForGood(node)) {
        this.withDamage.delete(node);
        rmSync(node.data, { recursive: true, force: true });
      }
      if (!damaged && !this.mayEnd.has(node)) this.unexpectedEnds.push({ node: node.id, lastLines: lastLines(node) });
      node.start(this.environments.get(node));
    }
  }
}

/** Whether a node that has ended says that nothing will come of its directory. */
function lostForGood({ output }: ProcessNode): boolean {
  return output.slice(-3).some((line) => line.includes('"DATA_LOSS"'));
}

/** What a node said last, as far as it fits a line each; the whole is kept with the history. */
function lastLines({ output }: ProcessNode): string[] {
  return output.slice(-2).map((line) => (line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)}…` : line));
}
