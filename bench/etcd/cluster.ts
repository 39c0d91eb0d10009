import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../test/support/ports.ts';
import { until } from '../../test/support/wait.ts';
import type { Fixture, System } from '../harness/scenario.ts';
import type { Process } from '../harness/usage.ts';
import { onEnd } from '../support/cleanup.ts';
import { findPeer, type Peer } from '../support/peer.ts';
import { checkEncoding, EtcdClient } from './kv.ts';

const OUTPUT_LINES = 20;

/** The etcd of this machine, for a run's report. */
export function findEtcd(program: string): Peer {
  return findPeer(program, /etcd Version: (\S+)/, 'apt-get install etcd-server (Debian 12 has etcd 3.4)');
}

interface EtcdProcess {
  readonly name: string;
  readonly address: string;
  readonly child: ChildProcess;
}

/** Three etcd servers on the loopback, at their defaults (fsync on), with their data in a temporary directory. */
export class EtcdCluster implements System {
  private readonly directory: string;
  private readonly processes: readonly EtcdProcess[];
  private readonly output: string[] = [];
  private connected: EtcdClient | undefined;

  private constructor(directory: string, servers: readonly EtcdProcess[]) {
    this.directory = directory;
    this.processes = servers;
    for (const { name, child } of servers) {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.output.push(
          ...text
            .trimEnd()
            .split('\n')
            .map((line) => `${name}: ${line}`),
        );
        this.output.splice(0, Math.max(0, this.output.length - OUTPUT_LINES));
      });
    }
  }

  static async start(program: string): Promise<EtcdCluster> {
    checkEncoding();
    const directory = await mkdtemp(join(tmpdir(), 'factstore-bench-etcd-'));
    const ports = await freePorts(6);
    const names = ['e1', 'e2', 'e3'];
    const peers = names.map((name, i) => `${name}=http://127.0.0.1:${ports[3 + i]}`);
    const servers = names.map((name, i) => {
      const client = `http://127.0.0.1:${ports[i]}`;
      const peer = `http://127.0.0.1:${ports[3 + i]}`;
      const flags = {
        name,
        'data-dir': join(directory, name),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': peers.join(','),
        'initial-cluster-state': 'new',
        // The default of 2 GiB might be met in a long run; it changes nothing else.
        'quota-backend-bytes': String(8 * 2 ** 30),
        logger: 'zap',
        'log-level': 'error',
      };
      const child = spawn(
        program,
        Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
        {
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      child.on('error', (error) => console.error(`${program}: ${error.message}`));
      return { name, address: `127.0.0.1:${ports[i]}`, child };
    });
    const cluster = new EtcdCluster(directory, servers);
    onEnd(() => cluster.dispose());
    cluster.connected = await cluster.connect();
    return cluster;
  }

  /** A client of the server that leads. */
  get client(): EtcdClient {
    if (!this.connected) throw new Error('etcd has not been started');
    return this.connected;
  }

  private async connect(): Promise<EtcdClient> {
    return until('an etcd server leads', async () => {
      for (const { address, child, name } of this.processes) {
        if (child.exitCode !== null) throw new Error(`etcd ${name} has ended:\n${this.output.join('\n')}`);
        const client = new EtcdClient(address);
        const status = await client.status().catch(() => undefined);
        if (status && status.leader !== '0' && status.leader === status.header.memberId) return client;
        client.close();
      }
      return undefined;
    });
  }

  get servers(): Process[] {
    return this.processes.map(({ name, child }) => ({ name, pid: child.pid }));
  }

  /** The revision of the store: a put is one, and so is a transaction. */
  async written(): Promise<number> {
    return Number((await this.client.status()).header.revision);
  }

  async dispose(): Promise<void> {
    this.connected?.close();
    await Promise.all(
      this.processes.map(async ({ child }) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    await rm(this.directory, { recursive: true, force: true });
  }
}

export const etcd: Fixture<EtcdCluster> = {
  system: 'etcd',
  start: async (bench) => {
    const cluster = await EtcdCluster.start(bench.program('etcd'));
    bench.onEnd(() => cluster.dispose());
    return cluster;
  },
};
