// The other pods of the StatefulSet, and whether they have a cluster that this one must not found another beside.
import { lookup } from 'node:dns/promises';
import { port } from './own-address.mjs';
import { factstoreAt, sayWaiting, sleep } from './pod.mjs';
import { ordinal, replicas } from './stateful-set.mjs';

/** How many are looked for by their names where Kubernetes does not tell how many there are to be. */
const NAMED_MAX = 9;

/**
 * Peer addresses of the others, where one of them belongs to a cluster; undefined: none does. Waits for all to answer until
 * one says that it does: a cluster is not seen as long as its members are away, too.
 */
export async function othersWithCluster() {
  for (;;) {
    const others = await siblings();
    const clusters = await Promise.all(others.map(clusterOf));
    if (clusters.some((cluster) => cluster)) return others;
    const silent = others.filter((_, n) => clusters[n] === undefined);
    if (silent.length === 0) return undefined;
    sayWaiting(
      `this volume is empty, and nothing is founded before ${silent.join(', ')} answer: they may be members of a cluster that had this pod, too`,
    );
    await sleep(1_000);
  }
}

async function siblings() {
  const { SIBLINGS } = process.env;
  // A manifest of before does not tell where they are.
  if (SIBLINGS === undefined) return [];
  const addresses = (count) =>
    Array.from({ length: count }, (_, n) => n)
      .filter((n) => n !== ordinal)
      .map((n) => SIBLINGS.replace('*', n));
  try {
    return addresses(await replicas());
  } catch (error) {
    process.stderr.write(`${error.message}: only pods that have a name now are taken to be there\n`);
    const known = addresses(NAMED_MAX);
    const named = await Promise.all(known.map((address) => lookup(hostOf(address)).catch(() => undefined)));
    return known.filter((_, n) => named[n]);
  }
}

/** The cluster of the node at a peer address; empty: it has none; undefined: it does not answer. */
async function clusterOf(address) {
  try {
    const [line] = (await factstoreAt(`${hostOf(address)}:${port}`, 'cluster', 'status')).split('\n');
    return JSON.parse(line).clusterId;
  } catch {
    return undefined;
  }
}

function hostOf(address) {
  return address.slice(0, address.lastIndexOf(':'));
}
