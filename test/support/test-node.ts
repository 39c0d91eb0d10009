import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { connect, type FactstoreClient } from '../../src/client/index.ts';
import { nodeOptionsSchema } from '../../src/config/options.ts';
import { formatAddress } from '../../src/config/values.ts';
import { type Node, type NodeDependencies, startNode } from '../../src/node.ts';
import { freePorts } from './ports.ts';
import { until } from './wait.ts';

const QUIET = { logLevel: process.env.FACTSTORE_TEST_LOG ?? 'silent', diskReserveBytes: 0, ballastBytes: 0 };

/** One or more nodes in this process, on the loopback, with temporary data. */
export class TestNodes {
  readonly urls: string[];
  private readonly configs: Record<string, unknown>[];
  private readonly directory: string;
  private readonly running: (Node | undefined)[];
  private readonly clients: FactstoreClient[] = [];

  private constructor(directory: string, configs: Record<string, unknown>[]) {
    this.directory = directory;
    this.configs = configs;
    this.running = configs.map(() => undefined);
    this.urls = configs.map((config) => `factstore://${config.listen}`);
  }

  /** Starts `size` nodes and waits until one of them leads. */
  static async start(size: number, more: Record<string, unknown> = {}): Promise<TestNodes> {
    const nodes = await TestNodes.prepare(size, more);
    await Promise.all(nodes.configs.map((_, n) => nodes.startNode(n)));
    await nodes.leader();
    return nodes;
  }

  static async prepare(size: number, more: Record<string, unknown> = {}): Promise<TestNodes> {
    const directory = await mkdtemp(joinPath(tmpdir(), 'factstore-nodes-'));
    const ports = await freePorts(size * 2);
    const cluster = ports
      .slice(size)
      .map((port, n) => `n${n + 1}=127.0.0.1:${port}`)
      .join(',');
    const configs = Array.from({ length: size }, (_, n) => ({
      ...QUIET,
      nodeId: `n${n + 1}`,
      data: joinPath(directory, `n${n + 1}`),
      listen: `127.0.0.1:${ports[n]}`,
      peerListen: `127.0.0.1:${ports[size + n]}`,
      ...(size > 1 && { cluster }),
      ...more,
    }));
    return new TestNodes(directory, configs);
  }

  /** Starts one more node, which joins the others; gives its number. */
  async addNode(more: Record<string, unknown> = {}, dependencies: Partial<NodeDependencies> = {}): Promise<number> {
    const [port, peerPort] = await freePorts(2);
    const nodeId = `n${this.configs.length + 1}`;
    const join = this.running.flatMap((node) => (node ? [formatAddress(node.peerAddress)] : [])).join(',');
    const addresses = { listen: `127.0.0.1:${port}`, peerListen: `127.0.0.1:${peerPort}` };
    this.configs.push({ ...QUIET, nodeId, data: joinPath(this.directory, nodeId), ...addresses, join, ...more });
    this.urls.push(`factstore://${addresses.listen}`);
    this.running.push(undefined);
    await this.startNode(this.configs.length - 1, {}, dependencies);
    return this.configs.length - 1;
  }

  get url(): string {
    return `factstore://${this.configs.map((config) => config.listen).join(',')}`;
  }

  /** What a node is started with. */
  settings(n: number): { readonly peerAddress: string } | undefined {
    const config = this.configs[n];
    return config && { peerAddress: String(config.peerListen) };
  }

  data(n: number): string {
    return this.configs[n]?.data as string;
  }

  node(n: number): Node {
    const node = this.running[n];
    if (!node) throw new Error(`node ${n} does not run`);
    return node;
  }

  async startNode(
    n: number,
    more: Record<string, unknown> = {},
    dependencies: Partial<NodeDependencies> = {},
  ): Promise<Node> {
    const node = await startNode(nodeOptionsSchema.parse({ ...this.configs[n], ...more }), dependencies);
    this.running[n] = node;
    return node;
  }

  /** Starts a node that was stopped with addresses of its own that nobody else is told of; gives the one for peers. */
  async moveNode(n: number): Promise<string> {
    const [port, peerPort] = await freePorts(2);
    const { cluster, ...config } = this.configs[n] as Record<string, unknown>;
    const peerListen = `127.0.0.1:${peerPort}`;
    const own = new RegExp(`n${n + 1}=[^,]+`);
    const settings = typeof cluster === 'string' ? { cluster: cluster.replace(own, `n${n + 1}=${peerListen}`) } : {};
    this.configs[n] = { ...config, listen: `127.0.0.1:${port}`, peerListen, ...settings };
    this.urls[n] = `factstore://127.0.0.1:${port}`;
    await this.startNode(n);
    return peerListen;
  }

  async stopNode(n: number): Promise<void> {
    const node = this.running[n];
    this.running[n] = undefined;
    await node?.stop();
  }

  /** The number of the node that leads. */
  leader(): Promise<number> {
    return until('a node leads', () => {
      const n = this.running.findIndex((node) => node?.role === 'leader');
      return n < 0 ? undefined : { n };
    }).then(({ n }) => n);
  }

  /** The number of a node that follows. */
  async follower(): Promise<number> {
    const leader = await this.leader();
    return this.running.findIndex((node, n) => node !== undefined && n !== leader);
  }

  /** A client of all nodes, or of one; closed by `dispose`. */
  async client(n?: number): Promise<FactstoreClient> {
    const client = await connect(n === undefined ? this.url : `factstore://${formatAddress(this.node(n).address)}`);
    this.clients.push(client);
    return client;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await Promise.all(this.running.map((node) => node?.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }
}
