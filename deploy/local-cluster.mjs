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
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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

function start(node) {
  const flags = ['--node-id', node.id, '--data', join(values.data, node.id), '--cluster', cluster];
  const child = spawn(
    process.execPath,
    [program, 'serve', ...flags, '--listen', node.listen, '--peer-listen', node.peerListen, '--json'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => process.stdout.write(`${node.id} | ${text(line)}\n`));
  }
  child.on('exit', (code, signal) => {
    process.stdout.write(`${node.id} | ended (${signal ?? code}); the data stays in ${join(values.data, node.id)}\n`);
  });
  process.stdout.write(`${node.id} | clients ${node.listen}, process ${child.pid}\n`);
  return child;
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

const children = nodes.map(start);
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

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of children) child.kill('SIGTERM');
  });
}
