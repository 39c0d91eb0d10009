import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Prng } from '../../src/base/prng.ts';
import { connect, type FactstoreClient, type ReachableMember } from '../../src/client/index.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';
import { type Damage, hitsAll } from './damages.ts';
import { Truth, WrongAnswer } from './truth.ts';

/**
 * - `unharmed`: the node went on as the member that it was, and had nothing to mend.
 * - `mended`: so it did, and its log or its index was mended by itself.
 * - `new member`: it came back by itself, as another member.
 * - `refused`: it did not start, and named the ways out.
 */
export type Outcome = 'unharmed' | 'mended' | 'new member' | 'refused' | 'not there';

const BACK_MS = 30_000;
/** More events than a block of the index has: one of them is sealed. */
const BLOCK = 17_000;
/** A start verifies the last 10,000 entries: what stands before them is met by whoever reads it. */
const COLD_ENTRIES = 10_500;
const LOAD_PAUSE_MS = 10;

/** A cluster of real nodes under load, whose files are damaged, one node after another. */
export class Trial {
  private readonly cluster: ProcessCluster;
  private readonly client: FactstoreClient;
  private readonly truth: Truth;
  private readonly ending = new AbortController();
  private load: Promise<void> = Promise.resolve();
  private turns = 0;

  private constructor(cluster: ProcessCluster, client: FactstoreClient) {
    this.cluster = cluster;
    this.client = client;
    this.truth = new Truth(client);
  }

  static async start(size: number): Promise<Trial> {
    const cluster = await ProcessCluster.prepare(size);
    cluster.startAll();
    const client = await connect(cluster.url, { connectTimeoutMs: BACK_MS });
    const trial = new Trial(cluster, client);
    for (let i = 0; i < 2 * BLOCK; i += 1_000) await trial.truth.append(1_000);
    for (const node of cluster.nodes) await trial.makeTable(node);
    const singles = Array.from({ length: COLD_ENTRIES }, () => trial.truth.append(1));
    await Promise.all(singles);
    trial.load = trial.keepAppending();
    return trial;
  }

  /** Damages the next node in turn, starts it, and sees to it that it shows what was appended, or nothing. */
  async run(damage: Damage, random: Prng): Promise<Outcome> {
    const node = this.cluster.nodes[this.turns++ % this.cluster.nodes.length] as ProcessNode;
    try {
      return await this.damageAndStart(node, damage, random);
    } catch (error) {
      const told = `${damage.name}, ${node.id}: ${(error as Error).message}`;
      throw new Error(`${told}\n${this.cluster.tail()}`, { cause: error });
    }
  }

  async dispose(): Promise<void> {
    this.ending.abort();
    await this.load.catch(() => undefined);
    await this.client.close();
    await this.cluster.dispose();
  }

  private async damageAndStart(node: ProcessNode, damage: Damage, random: Prng): Promise<Outcome> {
    const before = await this.ready(node);
    if (damage.database === 'index' && /log/.test(damage.files.source)) await this.sealBlock(node);
    if (/ldb/.test(damage.files.source) && !(await this.hasTable(node, damage))) await this.makeTable(node);
    node.output.length = 0;
    if (damage.running) {
      if (!(await this.damage(node, damage, random))) return 'not there';
      await this.readAll(node);
    }
    await node.end(random.between(0, 2) === 0 ? 'SIGTERM' : 'SIGKILL');
    if (!damage.running && !(await this.damage(node, damage, random))) {
      node.start();
      return 'not there';
    }
    node.output.length = 0;
    node.start();
    const refused = await this.refusal(node);
    if (refused) return 'refused';
    await this.readAll(node);
    const after = await this.ready(node);
    if (after.directoryId !== before.directoryId) return 'new member';
    return node.output.some((line) => /log\.repaired|index\.rebuilt/.test(line)) ? 'mended' : 'unharmed';
  }

  /** False: there is no file that fits, or it has no such place. */
  private async damage(node: ProcessNode, damage: Damage, random: Prng): Promise<boolean> {
    const directory = join(node.data, damage.database);
    const names = (await readdir(directory)).filter((name) => damage.files.test(name)).sort();
    const chosen = hitsAll(damage) ? names : names.slice(random.between(0, names.length)).slice(0, 1);
    let done = false;
    for (const name of chosen) {
      const path = join(directory, name);
      if (hitsAll(damage) && name === 'LOCK') continue;
      const bytes = await readFile(path);
      if (bytes.length === 0) continue;
      const changed = damage.change(bytes, random);
      if (changed === bytes) continue;
      if (changed === undefined) await rm(path);
      else if (damage.running) await overwrite(path, bytes, changed);
      else await writeFile(path, changed);
      done = true;
    }
    return done;
  }

  /** True: the node ended by itself, said why, and had to be emptied to come back. */
  private async refusal(node: ProcessNode): Promise<boolean> {
    const started = await until(
      `${node.id} starts or ends`,
      async () => {
        if (!node.running) return 'ended';
        return (await this.isReady(node)) && 'ready';
      },
      BACK_MS,
    );
    if (started === 'ready') return false;
    // What a process has said may arrive after its end.
    const helps = () => /DATA_LOSS.*([Ww]ays out|move (the|this) directory away)/.test(node.output.join(''));
    await until('it says why it ended, and what helps', helps, 2_000);
    // A lone node has nobody to come back to: this is the end of its trial.
    if (this.cluster.nodes.length === 1) return true;
    await rm(node.data, { recursive: true });
    node.start();
    await this.ready(node);
    await this.readAll(node);
    return true;
  }

  /** Reads everything from the node; where it refuses, as one does that mends itself, again. A wrong answer is final. */
  private async readAll(node: ProcessNode): Promise<void> {
    const found = await until(
      `${node.id} shows everything`,
      async () => {
        if (!node.running) throw new Error('it has ended');
        await this.ready(node);
        return this.truth.check(node.address).then(
          () => 'right' as const,
          (error: unknown) => {
            if (error instanceof WrongAnswer) return error;
            throw error;
          },
        );
      },
      BACK_MS,
    );
    if (found !== 'right') throw found;
  }

  private async hasTable(node: ProcessNode, { database, files }: Damage): Promise<boolean> {
    return (await readdir(join(node.data, database))).some((name) => files.test(name));
  }

  /** LevelDB makes a table of its write-ahead file when it starts. */
  private async makeTable(node: ProcessNode): Promise<void> {
    await this.ready(node);
    await node.end('SIGTERM');
    node.start();
    await this.ready(node);
  }

  private async sealBlock(node: ProcessNode): Promise<void> {
    for (let i = 0; i < BLOCK; i += 1_000) await this.truth.append(1_000);
    await this.ready(node);
  }

  /** Once the node is a member that votes, and has what was acknowledged until now. */
  private ready(node: ProcessNode): Promise<ReachableMember> {
    return until(`${node.id} is ready`, () => this.isReady(node), BACK_MS);
  }

  private async isReady(node: ProcessNode): Promise<ReachableMember | undefined> {
    const { head } = this.truth;
    const { members } = await this.client.cluster.status();
    const member = members.find(({ nodeId }) => nodeId === node.id);
    if (!member?.reachable || !member.voter || member.notReady !== '' || member.head < head) return undefined;
    return member;
  }

  private async keepAppending(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await this.truth.append(1);
      await pause(LOAD_PAUSE_MS);
    }
  }
}

/** In its place, as a disk does it: who has the file open sees it. */
async function overwrite(path: string, bytes: Buffer, changed: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  try {
    for (let at = 0; at < changed.length; at++) if (bytes[at] !== changed[at]) await file.write(changed, at, 1, at);
  } finally {
    await file.close();
  }
}
