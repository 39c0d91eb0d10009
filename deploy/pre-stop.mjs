// What Kubernetes runs before it stops a container. Where this node leads others, one of them takes over. Where its pod is
// scaled away, its member is removed from the cluster. Then it goes on serving until clients and services have had the time
// to hear that this pod goes. A restart without all this is safe as well; a pod that is scaled away without it leaves a
// member behind, to be removed by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { here } from './own-address.mjs';
import { data, factstore, members, nodeId, removedNote, sleep } from './pod.mjs';
import { ordinal, replicas } from './stateful-set.mjs';

const HEARD_MS = 3_000;
const REMOVED_WITHIN_MS = 40_000;

async function leads() {
  const response = await fetch(`http://${here}/metrics`, { signal: AbortSignal.timeout(3_000) });
  return (await response.text()).includes('factstore_raft_role{role="leader"} 1');
}

/** Whether anybody could take over. */
async function hasOtherVoters() {
  return (await members()).some((member) => member.voter && member.nodeId !== nodeId);
}

/** Whether the pod will not come back. A set of no pods at all is one that pauses: its members stay what they are. */
async function isScaledAway() {
  if (process.env.KUBERNETES_SERVICE_HOST === undefined) return false;
  const count = await replicas();
  return count > 0 && ordinal >= count;
}

/** Asks until the member is none any more: another one may be on its way out at the same time. */
async function removeMember() {
  const until = performance.now() + REMOVED_WITHIN_MS;
  for (;;) {
    try {
      await factstore('cluster', 'remove', nodeId);
      break;
    } catch (error) {
      if (error.stderr.includes('"code":"NOT_FOUND"')) break;
      if (performance.now() > until) throw new Error(`${nodeId} is still a member: ${error.stderr || error.message}`);
      await sleep(500);
    }
  }
  const { clusterId } = JSON.parse(readFileSync(join(data, 'identity.json'), 'utf8'));
  // A pod that had not joined yet leaves nothing that would have to be given up.
  if (clusterId !== null) writeFileSync(removedNote, JSON.stringify({ clusterId }), { flush: true });
}

/** Does its best: what fails here must not keep what follows from happening, and shows as an event of the pod. */
async function attempt(what, action) {
  try {
    await action();
  } catch (error) {
    process.stderr.write(`${what}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

const began = performance.now();
await attempt('leadership was not handed over before the stop, which does it too', async () => {
  if ((await leads()) && (await hasOtherVoters())) await factstore('cluster', 'transfer');
});
await attempt(`if this pod was scaled away, remove its member: factstore cluster remove ${nodeId}`, async () => {
  if (await isScaledAway()) await removeMember();
});
await sleep(Math.max(0, HEARD_MS - (performance.now() - began)));
