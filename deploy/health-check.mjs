// What a container's health check runs: ends with 0 where this container's node can serve, else with 1 and the reason.
import { here } from './own-address.mjs';

try {
  const response = await fetch(`http://${here}/readyz`, { signal: AbortSignal.timeout(3_000) });
  process.stdout.write(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`the node does not answer at ${here}: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
