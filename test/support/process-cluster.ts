import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { freePorts } from './ports.ts';
import { until } from './wait.ts';

/** The program as it is shipped; `npm test` builds it first. */
export const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** A node that runs as a process of its own. */
export class ProcessNode {
  readonly id: string;
  readonly address: string;
  readonly data: string;
  readonly output: string[] = [];
  private readonly flags: readonly string[];
  private child: ChildProcess | undefined;
  /** Settles once the process that was started last serves, or has ended before it did. */
  private serves: Promise<void> = Promise.reject(new Error('it was never started'));

  constructor(id: string, address: string, data: string, flags: readonly string[]) {
    this.id = id;
    this.address = address;
    this.data = data;
    this.flags = flags;
    this.serves.catch(() => {});
  }

  get url(): string {
    return `factstore://${this.address}`;
  }

  get peerAddress(): string {
    return this.flags[this.flags.indexOf('--peer-listen') + 1] as string;
  }

  /** The same node with other addresses; it does not run. */
  at(address: string, peerAddress: string): ProcessNode {
    const flags = this.flags.map((value) =>
      value.replaceAll(this.address, address).replaceAll(this.peerAddress, peerAddress),
    );
    return new ProcessNode(this.id, address, this.data, flags);
  }

  get running(): boolean {
    return this.child?.exitCode === null && this.child.signalCode === null;
  }

  /** Of the process that runs. */
  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error(`${this.id} does not run`);
    return pid;
  }

  /** `environment` is added to that of this process. */
  start(environment: NodeJS.ProcessEnv = {}): void {
    const child = spawn(process.execPath, [PROGRAM, 'serve', '--json', ...this.flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.serves = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.output.push(line);
          if (line.startsWith('{"started"')) resolve();
        });
      }
      child.once('exit', () => reject(new Error(`${this.id} ended before it served:\n${this.output.join('\n')}`)));
    });
    this.serves.catch(() => {});
    this.child = child;
  }

  /** Resolves once the node serves, however long that takes on a busy disk; fails if it ends before. */
  serving(): Promise<void> {
    return this.serves;
  }

  /** A client of this node, as soon as it serves. */
  async client(): Promise<FactstoreClient> {
    await this.serves;
    return connect(this.url);
  }

  /** Ends the process and resolves once it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.child;
    if (!child || !this.running) return child?.exitCode ?? null;
    child.kill(signal);
    await once(child, 'exit');
    return child.exitCode;
  }

  /** Stops or continues the process where it stands. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(signal);
  }
}

/** Real nodes of the built program on the loopback, with their data in a temporary directory. */
export class ProcessCluster {
  readonly nodes: ProcessNode[];
  readonly directory: string;

  private constructor(directory: string, nodes: ProcessNode[]) {
    this.directory = directory;
    this.nodes = nodes;
  }

  /** Prepares `size` nodes; with `flags` for each of them. Nothing runs yet. */
  static async prepare(size: number, flags: readonly string[] = []): Promise<ProcessCluster> {
    const directory = await mkdtemp(joinPath(tmpdir(), 'factstore-cluster-'));
    const ports = await freePorts(size * 2);
    const ids = Array.from({ length: size }, (_, n) => `n${n + 1}`);
    const cluster = ids.map((id, n) => `${id}=127.0.0.1:${ports[size + n]}`).join(',');
    const nodes = ids.map((id, n) => {
      const data = joinPath(directory, id);
      const address = `127.0.0.1:${ports[n]}`;
      const own = [
        '--node-id',
        id,
        '--data',
        data,
        '--listen',
        address,
        '--peer-listen',
        `127.0.0.1:${ports[size + n]}`,
      ];
      const disk = ['--disk-reserve-bytes', '0', '--ballast-bytes', '0'];
      return new ProcessNode(id, address, data, [...own, '--cluster', cluster, ...disk, ...flags]);
    });
    return new ProcessCluster(directory, nodes);
  }

  /** Starts one more node, which joins the others by way of the first one's peer port. */
  async addNode(join: string): Promise<ProcessNode> {
    const [port, peerPort] = await freePorts(2);
    const id = `n${this.nodes.length + 1}`;
    const address = `127.0.0.1:${port}`;
    const data = joinPath(this.directory, id);
    const own = ['--node-id', id, '--data', data, '--listen', address, '--peer-listen', `127.0.0.1:${peerPort}`];
    const disk = ['--disk-reserve-bytes', '0', '--ballast-bytes', '0'];
    const node = new ProcessNode(id, address, data, [...own, '--join', join, ...disk]);
    this.nodes.push(node);
    node.start();
    return node;
  }

  /** Ends a node and starts it at other addresses, of which nobody else is told. */
  async moveNode(id: string): Promise<ProcessNode> {
    const old = this.node(id);
    await old.end('SIGTERM');
    const [port, peerPort] = await freePorts(2);
    const moved = old.at(`127.0.0.1:${port}`, `127.0.0.1:${peerPort}`);
    this.nodes.splice(this.nodes.indexOf(old), 1, moved);
    moved.start();
    return moved;
  }

  get url(): string {
    return `factstore://${this.nodes.map((node) => node.address).join(',')}`;
  }

  startAll(): void {
    for (const node of this.nodes) if (!node.running) node.start();
  }

  node(id: string): ProcessNode {
    const found = this.nodes.find((node) => node.id === id);
    if (!found) throw new Error(`there is no node ${id}`);
    return found;
  }

  /** A client of all nodes, as soon as one of them serves. */
  async client(): Promise<FactstoreClient> {
    await Promise.any(this.nodes.filter((node) => node.running).map((node) => node.serving()));
    return connect(this.url);
  }

  /** Resolves once a node leads and takes appends, as `leaderOf` tells. */
  leader(leaderOf: () => Promise<string | undefined>, ms = 20_000): Promise<ProcessNode> {
    return until(
      'a node leads',
      async () => {
        const id = await leaderOf();
        return id === undefined ? undefined : this.node(id);
      },
      ms,
    );
  }

  /** Ends every process and removes all data. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')));
    await rm(this.directory, { recursive: true, force: true });
  }

  /** What the nodes said last, for a test that failed. */
  tail(): string {
    return this.nodes.map((node) => `--- ${node.id}\n${node.output.slice(-15).join('\n')}`).join('\n');
  }
}
