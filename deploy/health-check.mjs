// What a container's health check runs: ends with 0 where this container's node can serve, else with 1 and the reason.
const port = (process.env.FACTSTORE_LISTEN ?? '127.0.0.1:2113').split(':').at(-1);
try {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(3_000) });
  process.stdout.write(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`the node does not answer on port ${port}: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
