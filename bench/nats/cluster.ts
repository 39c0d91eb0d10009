import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type JetStreamClient, type JetStreamManager, type NatsConnection, StorageType } from 'nats';
import { freePorts } from '../../test/support/ports.ts';
import { until } from '../../test/support/wait.ts';
import type { Operation } from '../harness/load.ts';
import type { Fixture, System } from '../harness/scenario.ts';
import type { Process } from '../harness/usage.ts';
import { onEnd } from '../support/cleanup.ts';
import type { Payloads } from '../support/payload.ts';
import { findPeer, type Peer } from '../support/peer.ts';

const STREAM = 'accounts';
const START_MS = 30_000;
const REQUEST_MS = 20_000;

/** The NATS server of this machine, for a run's report. */
export function findNats(program: string): Peer {
  return findPeer(program, /nats-server: v(\S+)/, 'apt-get install nats-server (Debian 12 has 2.9)');
}

interface NatsProcess {
  readonly name: string;
  readonly child: ChildProcess;
}

/**
 * Three NATS servers with one JetStream stream of three replicas in files, at their defaults: a message is acknowledged
 * when a majority has it, and none of them has synced it (they sync every two minutes).
 */
export class NatsCluster implements System {
  private readonly directory: string;
  private readonly processes: readonly NatsProcess[];
  private readonly connection: NatsConnection;
  private readonly stream: JetStreamClient;
  private readonly manager: JetStreamManager;

  private constructor(
    directory: string,
    processes: readonly NatsProcess[],
    connection: NatsConnection,
    manager: JetStreamManager,
  ) {
    this.directory = directory;
    this.processes = processes;
    this.connection = connection;
    this.manager = manager;
    this.stream = connection.jetstream({ timeout: REQUEST_MS });
  }

  static async start(program: string): Promise<NatsCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'factstore-bench-nats-'));
    onEnd(() => rm(directory, { recursive: true, force: true }));
    const ports = await freePorts(6);
    const processes = await Promise.all(
      ['j1', 'j2', 'j3'].map(async (name, i) => {
        const file = join(directory, `${name}.conf`);
        await writeFile(
          file,
          configuration(name, join(directory, name), ports[i] as number, ports[3 + i] as number, ports.slice(3)),
        );
        const child = spawn(program, ['--config', file], { stdio: 'ignore' });
        child.on('error', (error) => console.error(`${program}: ${error.message}`));
        return { name, child };
      }),
    );
    onEnd(() => endAll(processes));
    const servers = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`);
    const connection = await until('NATS answers', () => connect({ servers, timeout: 1_000 }), START_MS);
    const manager = await until(
      'JetStream answers',
      () => connection.jetstreamManager({ timeout: REQUEST_MS }),
      START_MS,
    );
    const settings = { name: STREAM, subjects: ['account.*'], num_replicas: 3, storage: StorageType.File };
    // It has no leader at first.
    await until('JetStream has a stream of three replicas', () => manager.streams.add(settings), START_MS);
    return new NatsCluster(directory, processes, connection, manager);
  }

  /** Publishes one message to a subject, which ends with the server's acknowledgement. */
  publish(payloads: Payloads): Operation {
    return (done) => {
      const subject = `account.${payloads.stream()}`;
      this.stream.publish(subject, payloads.payload().json).then(() => done(), done);
    };
  }

  get servers(): Process[] {
    return this.processes.map(({ name, child }) => ({ name, pid: child.pid }));
  }

  /** The messages of the stream. */
  async written(): Promise<number> {
    return (await this.manager.streams.info(STREAM)).state.messages;
  }

  async dispose(): Promise<void> {
    await this.connection.close();
    await endAll(this.processes);
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function endAll(processes: readonly NatsProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async ({ child }) => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }),
  );
}

function configuration(
  name: string,
  store: string,
  port: number,
  peerPort: number,
  peerPorts: readonly number[],
): string {
  const routes = peerPorts.filter((other) => other !== peerPort).map((other) => `nats://127.0.0.1:${other}`);
  return [
    `server_name: ${name}`,
    `listen: 127.0.0.1:${port}`,
    `jetstream: { store_dir: "${store}" }`,
    `cluster: { name: bench, listen: 127.0.0.1:${peerPort}, routes: [${routes.join(', ')}] }`,
    '',
  ].join('\n');
}

export const nats: Fixture<NatsCluster> = {
  system: 'nats',
  start: async (bench) => {
    const cluster = await NatsCluster.start(bench.program('nats'));
    bench.onEnd(() => cluster.dispose());
    return cluster;
  },
};
