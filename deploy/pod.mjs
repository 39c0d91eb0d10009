// What the scripts of a pod on Kubernetes know of it: its node, its volume and the program in the image.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { here, port } from './own-address.mjs';

const { FACTSTORE_NODE_ID, FACTSTORE_CLUSTER } = process.env;

const SAY_MS = 10_000;

export const program = fileURLToPath(new URL('dist/main.js', import.meta.url));
export const nodeId = FACTSTORE_NODE_ID;
export const data = process.env.FACTSTORE_DATA;
/** Says that the member of this volume was removed from its cluster, and from which. */
export const removedNote = join(data, 'removed.json');

/** The nodes that founded the cluster, with their peer addresses. */
export const founders = new Map(FACTSTORE_CLUSTER?.split(',').map((founder) => founder.split('=')));
const others = [...founders.values()].map((address) => `${address.slice(0, address.lastIndexOf(':'))}:${port}`);

/** Runs the CLI against this node and the founders. Resolves with what it says; rejects with its `stderr`. */
export function factstore(...args) {
  return factstoreAt([here, ...others].join(','), ...args);
}

/** The same against the nodes at these addresses. */
export function factstoreAt(addresses, ...args) {
  const command = [program, ...args, '--json', '--url', `factstore://${addresses}`];
  const options = { timeout: 10_000 };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      if (error) reject(Object.assign(error, { stderr }));
      else resolve(stdout);
    });
  });
}

/** All members of the cluster, and how each is. */
export async function members() {
  const lines = (await factstore('cluster', 'status')).trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

let saidAt = Number.NEGATIVE_INFINITY;

/** Says what is waited for, now and then. */
export function sayWaiting(text) {
  if (performance.now() - saidAt < SAY_MS) return;
  saidAt = performance.now();
  process.stderr.write(`${text}\n`);
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
