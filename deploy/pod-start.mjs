// What a pod of the StatefulSet runs: the node in this very process. An ordinal among the founders founds; a further one
// joins their cluster, as a learner first, and votes once it has caught up.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { data, founders, members, nodeId, program, removedNote, sleep } from './pod.mjs';

const SAY_MS = 10_000;

/** Whether the cluster that removed the former member of this volume goes on, without that one. */
async function goesOnWithout(clusterId) {
  const all = await members();
  const led = all.some((member) => member.clusterId === clusterId && member.role === 'leader');
  return led && !all.some((member) => member.nodeId === nodeId);
}

/**
 * The former member of this volume was removed when its pod was scaled away, and can never come back: its place is
 * another member's. What it left is given up only once the cluster that has it all says that it is there.
 */
async function giveUpFormerData() {
  const { clusterId } = JSON.parse(readFileSync(removedNote, 'utf8'));
  // Scaled away before it had joined, by a version that noted that as well: nobody can wait for no cluster.
  if (clusterId === null) return rmSync(removedNote);
  let saidAt = Number.NEGATIVE_INFINITY;
  while (!(await goesOnWithout(clusterId).catch(() => false))) {
    if (performance.now() - saidAt > SAY_MS) {
      saidAt = performance.now();
      const text = `${data} is what a removed member left: it is emptied once cluster ${clusterId} has a leader and answers`;
      process.stderr.write(`${text}\n`);
    }
    await sleep(1_000);
  }
  const keep = [basename(removedNote), 'lost+found'];
  for (const name of readdirSync(data)) if (!keep.includes(name)) rmSync(join(data, name), { recursive: true });
  rmSync(removedNote);
  process.stderr.write(`${data} is emptied of what a removed member left, and ${nodeId} joins as a new one\n`);
}

const stop = () => process.exit(143);
process.on('SIGTERM', stop);
if (existsSync(removedNote)) await giveUpFormerData();
process.off('SIGTERM', stop);
if (!founders.has(nodeId)) {
  process.env.FACTSTORE_JOIN = [...founders.values()].join(',');
  delete process.env.FACTSTORE_CLUSTER;
}
process.argv.splice(1, process.argv.length, program, 'serve');
await import(program);
