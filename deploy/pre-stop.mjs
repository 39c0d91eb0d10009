// What Kubernetes runs before it stops a container: where this node leads, another one takes over; then it goes on
// serving until clients and services have had the time to hear that this pod goes. A stop without it is safe as well.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const HEARD_MS = 3_000;
const port = (process.env.FACTSTORE_LISTEN ?? '127.0.0.1:2113').split(':').at(-1);
const program = fileURLToPath(new URL('dist/main.js', import.meta.url));

async function leads() {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(3_000) });
  return (await response.text()).includes('factstore_raft_role{role="leader"} 1');
}

const began = performance.now();
try {
  if (await leads()) {
    const args = [program, 'cluster', 'transfer', '--url', `factstore://127.0.0.1:${port}`];
    spawnSync(process.execPath, args, { stdio: 'inherit', timeout: 5_000 });
  }
} catch (error) {
  process.stderr.write(`leadership was not handed over before the stop, which does it too: ${error.message}\n`);
}
setTimeout(() => undefined, Math.max(0, HEARD_MS - (performance.now() - began)));
