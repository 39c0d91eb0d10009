// What a pod of the StatefulSet runs: the node in this very process. An ordinal among the founders founds; a further one
// joins their cluster, as a learner first, and votes once it has caught up. So does the only founder where it has lost its
// volume, and others have its cluster.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { data, founders, members, nodeId, program, removedNote, sayWaiting, sleep } from './pod.mjs';
import { othersWithCluster } from './siblings.mjs';

/** Why the former member of this volume is not given up yet; undefined: the cluster that removed it goes on without it. */
async function reasonToWait(clusterId) {
  const all = await members().catch(() => []);
  const other = all.map((member) => member.clusterId).find((one) => one !== '' && one !== clusterId);
  if (other !== undefined)
    return `cluster ${other} answers, and not ${clusterId}, which has removed it. If that one was given up for it (factstore recover), delete the volume claim of ${nodeId}, and the pod: it then joins with an empty volume`;
  const goesOn = all.some((member) => member.role === 'leader') && !all.some((member) => member.nodeId === nodeId);
  return goesOn ? undefined : `it is emptied once cluster ${clusterId} has a leader and answers`;
}

/**
 * The former member of this volume was removed when its pod was scaled away, and can never come back: its place is
 * another member's. What it left is given up only once the cluster that has it all says that it is there.
 */
async function giveUpFormerData() {
  const { clusterId } = JSON.parse(readFileSync(removedNote, 'utf8'));
  // Scaled away before it had joined, by a version that noted that as well: nobody can wait for no cluster.
  if (clusterId === null) return rmSync(removedNote);
  for (let why = await reasonToWait(clusterId); why !== undefined; why = await reasonToWait(clusterId)) {
    sayWaiting(`${data} is what a removed member left: ${why}`);
    await sleep(1_000);
  }
  const keep = [basename(removedNote), 'lost+found'];
  for (const name of readdirSync(data)) if (!keep.includes(name)) rmSync(join(data, name), { recursive: true });
  rmSync(removedNote);
  process.stderr.write(`${data} is emptied of what a removed member left, and ${nodeId} joins as a new one\n`);
}

/** Whether this volume belongs to a cluster, or is to. */
function belongs() {
  const file = join(data, 'identity.json');
  // One that cannot be read is for the node to complain about.
  return existsSync(file) && !/"clusterId":\s*null/.test(readFileSync(file, 'utf8'));
}

/** Peer addresses of those that this node joins; undefined: it founds. Who founds alone would not miss any other. */
async function whomToJoin() {
  if (!founders.has(nodeId)) return [...founders.values()];
  return founders.size > 1 || belongs() ? undefined : await othersWithCluster();
}

const stop = () => process.exit(143);
process.on('SIGTERM', stop);
if (existsSync(removedNote)) await giveUpFormerData();
const seeds = await whomToJoin();
process.off('SIGTERM', stop);
if (seeds) {
  process.env.FACTSTORE_JOIN = seeds.join(',');
  delete process.env.FACTSTORE_CLUSTER;
}
process.argv.splice(1, process.argv.length, program, 'serve');
await import(program);
