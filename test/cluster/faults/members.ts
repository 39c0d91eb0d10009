import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Prng } from '../../../src/base/prng.ts';
import { connect, type FactstoreClient, FactstoreError } from '../../../src/client/index.ts';
import type { ProcessNode } from '../../support/process-cluster.ts';
import type { Cluster } from '../cluster.ts';
import { type FaultKind, oneOf, victim } from './fault.ts';

const available = async () => undefined;
const CHANGE_TIMEOUT_MS = 20_000;

/** A node loses its disk, and is started as it always was: it has to come back as another member (rule D7). */
export const wipe: FaultKind = {
  name: 'wipe',
  unavailable: available,
  draw(stage) {
    const { cluster } = stage;
    const node = victim(stage);
    return {
      what: `${node.id} killed and its directory emptied`,
      begin: () => empty(cluster, node),
      heal: async () => cluster.start(node),
    };
  },
};

/** A member is removed, which may lead, and a new one is started under its node id. */
export const replacement: FaultKind = {
  name: 'replace',
  restarts: true,
  unavailable: available,
  draw(stage) {
    const { cluster } = stage;
    const node = victim(stage);
    return {
      what: `${node.id} removed and replaced`,
      begin: async () => {
        const client = await connect(cluster.url(), { connectTimeoutMs: CHANGE_TIMEOUT_MS });
        try {
          await remove(client, node.id);
        } finally {
          await client.close();
        }
        await empty(cluster, node);
      },
      heal: async () => cluster.start(node),
    };
  },
};

/** Files of a data directory that are written all the time, or once and for ever. */
const FOLDERS = ['log', 'log', 'index', '.'];
const FLIPS_MAX = 4;

/**
 * Bits of a stopped node's files turn over. It may mend itself with what its peers have, at once or when it comes upon
 * the damage; where it may have forgotten a promise it must end and say so, and is given an empty directory.
 */
export const flips: FaultKind = {
  name: 'flips',
  unavailable: available,
  draw(stage) {
    const { cluster, random } = stage;
    const node = victim(stage);
    const count = random.between(1, FLIPS_MAX);
    return {
      what: `${count} bits of ${node.id} flipped`,
      begin: async () => {
        await cluster.end(node, oneOf(random, ['SIGTERM', 'SIGKILL'] as const));
        cluster.damaged(node);
        for (let n = 0; n < count; n++) await flip(node.data, random);
      },
      heal: async () => cluster.start(node),
    };
  },
};

/** An attempt whose answer was lost may have removed it: then the next one finds nobody of that name. */
async function remove(client: FactstoreClient, nodeId: string): Promise<void> {
  const untilMs = performance.now() + CHANGE_TIMEOUT_MS;
  for (let open = false; ; ) {
    try {
      const timeoutMs = Math.max(1, untilMs - performance.now());
      return void (await client.cluster.remove(nodeId, { timeoutMs }));
    } catch (error) {
      if (!(error instanceof FactstoreError)) throw error;
      if (open && error.code === 'NOT_FOUND') return;
      if (error.definite || performance.now() > untilMs) throw error;
      open = true;
    }
  }
}

async function empty(cluster: Cluster, node: ProcessNode): Promise<void> {
  await cluster.end(node, 'SIGKILL');
  await rm(node.data, { recursive: true, force: true });
}

async function flip(data: string, random: Prng): Promise<void> {
  const folder = join(data, oneOf(random, FOLDERS));
  const names = (await readdir(folder)).sort().filter((name) => name !== 'ballast' && name !== 'LOCK');
  const files: string[] = [];
  for (const name of names) {
    const found = await stat(join(folder, name));
    if (found.isFile() && found.size > 0) files.push(join(folder, name));
  }
  const path = oneOf(random, files);
  const bytes = await readFile(path);
  const at = random.between(0, bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.between(0, 8));
  await writeFile(path, bytes);
}
