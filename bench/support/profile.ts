import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join, resolve } from 'node:path';
import type { ProcessNode } from '../../test/support/process-cluster.ts';
import type { FactstoreCluster } from '../factstore/cluster.ts';

/** Nodes write their profiles in the background. */
const WRITE_MS = 3_000;

/**
 * `--profile DIR`: V8 CPU profiles of the client and of every node, a set for each measurement. Figures of a profiled
 * run are lower than they would be without.
 */
export class Profiler {
  private readonly directory: string;
  private readonly session = new Session();

  constructor(directory: string) {
    this.directory = resolve(directory);
    mkdirSync(this.directory, { recursive: true });
    // Nodes inherit both.
    process.env.NODE_OPTIONS = `--import=${new URL('profile-node.mjs', import.meta.url).href}`;
    process.env.BENCH_PROFILE_DIR = this.directory;
    this.session.connect();
  }

  /** Runs a measurement of factstore under both profilers. */
  async during<T>(name: string, cluster: FactstoreCluster, work: () => Promise<T>): Promise<T> {
    const { nodes } = cluster.processes;
    const leader = await cluster.leader();
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.setSamplingInterval', { interval: 500 });
    await this.session.post('Profiler.start');
    for (const node of nodes) toggle(node);
    const result = await work();
    for (const node of nodes) toggle(node);
    const { profile } = await this.session.post('Profiler.stop');
    writeFileSync(join(this.directory, `${name}.client.cpuprofile`), JSON.stringify(profile));
    await new Promise((done) => setTimeout(done, WRITE_MS));
    for (const { id } of nodes) {
      const file = join(this.directory, `node-${id}.cpuprofile`);
      const role = id === leader.id ? 'leader' : `follower-${id}`;
      if (existsSync(file)) renameSync(file, join(this.directory, `${name}.${role}.cpuprofile`));
    }
    return result;
  }
}

/** ProcessNode knows the signals that tests need; the profiler listens to another one. */
function toggle(node: ProcessNode): void {
  node.signal('SIGUSR2' as 'SIGCONT');
}
