import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../test/support/ports.ts';
import { until } from '../../test/support/wait.ts';
import { onEnd } from '../support/cleanup.ts';
import { EtcdClient } from './kv.ts';

const OUTPUT_LINES = 20;

/** How etcd is had where it is missing. */
export const HOW_TO_GET_ETCD = 'apt-get install etcd-server (Debian 12 has etcd 3.4)';

/** The version of the etcd on this machine; undefined: there is none. */
export function etcdVersion(program: string): string | undefined {
  try {
    return /etcd Version: (\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  } catch {
    return undefined;
  }
}

interface EtcdProcess {
  readonly name: string;
  readonly address: string;
  readonly child: ChildProcess;
}

/** Three etcd servers on the loopback, at their defaults (fsync on), with their data in a temporary directory. */
export class EtcdCluster {
  private readonly directory: string;
  private readonly servers: readonly EtcdProcess[];
  private readonly output: string[] = [];

  private constructor(directory: string, servers: readonly EtcdProcess[]) {
    this.directory = directory;
    this.servers = servers;
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
    return cluster;
  }

  /** A client of the server that leads, once one does. */
  async leader(): Promise<EtcdClient> {
    return until('an etcd server leads', async () => {
      for (const { address, child, name } of this.servers) {
        if (child.exitCode !== null) throw new Error(`etcd ${name} has ended:\n${this.output.join('\n')}`);
        const client = new EtcdClient(address);
        const status = await client.status().catch(() => undefined);
        if (status && status.leader !== '0' && status.leader === status.header.memberId) return client;
        client.close();
      }
      return undefined;
    });
  }

  get pids(): (number | undefined)[] {
    return this.servers.map(({ child }) => child.pid);
  }

  async dispose(): Promise<void> {
    await Promise.all(
      this.servers.map(async ({ child }) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    await rm(this.directory, { recursive: true, force: true });
  }
}
