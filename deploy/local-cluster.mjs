#!/usr/bin/env node
/**
 * Three real nodes as processes of one terminal, with their data below ./data: to try a cluster, and what happens when
 * one of its nodes is killed. Ctrl-C stops all three.
 *
 *     npm run cluster                    ports 2113, 2123, 2133 for clients; 2114, 2124, 2134 between the nodes
 *     npm run cluster -- --port 3113     other ports, counted from there
 *     npm run cluster -- --data DIR      other directories
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SAME_SIGNAL_MS = 1_000;

const { values } = parseArgs({
  options: { port: { type: 'string', default: '2113' }, data: { type: 'string', default: './data' } },
});
const base = Number(values.port);
const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const nodes = [1, 2, 3].map((n) => ({
  id: `n${n}`,
  listen: `127.0.0.1:${base + (n - 1) * 10}`,
  peerListen: `127.0.0.1:${base + (n - 1) * 10 + 1}`,
}));
const cluster = nodes.map((node) => `${node.id}=${node.peerListen}`).join(',');

/** Those that do not serve yet. */
const starting = new Set(nodes.map((node) => node.id));
/** When the nodes were asked to stop. */
let stoppedAt;

/** Which of the ports are not free. A node that has one already is of another cluster, which the others here would join. */
async function taken() {
  const found = [];
  for (const address of nodes.flatMap((node) => [node.listen, node.peerListen])) {
    const [host, port] = address.split(':');
    const server = createServer().listen(Number(port), host);
    const failed = await once(server, 'listening').then(
      () => undefined,
      (error) => error,
    );
    if (failed) found.push(`${address} (${failed.code})`);
    server.close();
  }
  return found;
}

function start(node) {
  const flags = ['--node-id', node.id, '--data', join(values.data, node.id), '--cluster', cluster];
  const child = spawn(
    process.execPath,
    [program, 'serve', ...flags, '--listen', node.listen, '--peer-listen', node.peerListen, '--json'],
    // In a group of its own, so that Ctrl-C reaches it by way of this script alone: a node takes a second signal as `at once`.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.startsWith('{"started"')) starting.delete(node.id);
      process.stdout.write(`${node.id} | ${text(line)}\n`);
    });
  }
  child.on('exit', (code, signal) => {
    process.stdout.write(`${node.id} | ended (${signal ?? code}); the data stays in ${join(values.data, node.id)}\n`);
    if (stoppedAt !== undefined || starting.size === 0) return;
    process.stdout.write('all are stopped, as one has ended before the three of them served\n');
    process.exitCode = 1;
    stop();
  });
  process.stdout.write(`${node.id} | clients ${node.listen}, process ${child.pid}\n`);
  return child;
}

function stop() {
  // npm passes on what the terminal has told this script already. Whoever asks again later wants no stop but an end.
  if (performance.now() - stoppedAt < SAME_SIGNAL_MS) return;
  stoppedAt = performance.now();
  for (const child of children) child.kill('SIGTERM');
}

/** The message of a log line, and the line itself where it is none. */
function text(line) {
  try {
    const parsed = JSON.parse(line);
    return parsed.msg ?? line;
  } catch {
    return line;
  }
}

const notFree = await taken();
if (notFree.length > 0) {
  process.stderr.write(
    `${notFree.join(', ')} cannot be listened on: stop what is there, or take other ports: npm run cluster -- --port 3113\n`,
  );
  process.exit(1);
}
const children = [];
// Before there is a node that one of them would leave behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
for (const node of nodes) children.push(start(node));
const addresses = nodes.map((node) => node.listen).join(',');
process.stdout.write(
  [
    '',
    'In another terminal:',
    '',
    `  export FACTSTORE_URL=factstore://${addresses}`,
    '  npx factstore cluster status',
    `  npx factstore append order-1 --type OrderPlaced --data '{"total": 12}'`,
    '  npx factstore read order-1',
    '  kill -9 PROCESS        (one of those above; the other two go on)',
    '',
    '',
  ].join('\n'),
);
