import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultHistory, importLines } from '../../bench/datasets/git-history.ts';
import { connect } from '../../src/client/index.ts';
import { ContinuousAppends } from '../container/continuous-appends.ts';
import type { ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';
import type { Terminal } from './terminal.ts';

/** Something that happens to a cluster, and what its operator does. It begins with three nodes that serve. */
export type Drill = (terminal: Terminal) => Promise<void>;

/** A drill of this name fills the place of this name in deploy/OPERATING.md. */
export const DRILLS: Readonly<Record<string, Drill>> = {
  install: async (terminal) => {
    await terminal.type('factstore cluster status');
    await terminal.type(`factstore append order-1 --type OrderPlaced --data '{"total": 12}'`);
    await terminal.type('curl -s http://127.0.0.1:2113/readyz');
    await terminal.type(`curl -s http://127.0.0.1:2113/metrics | grep '^factstore_raft_role'`);
  },

  size: async (terminal) => {
    const file = join(terminal.cluster.directory, 'history.ndjson');
    const lines: string[] = [];
    for await (const line of importLines(defaultHistory())) lines.push(line.trimEnd());
    await writeFile(file, `${lines.join('\n')}\n`);
    await terminal.type(`wc --bytes ${file}`);
    await terminal.type(`factstore import ${file}`);
    await terminal.type('factstore read --all --backwards --limit 1 --json | grep -o \'"position":[0-9]*\'');
    await terminal.type(
      `du --summarize --bytes ${nodeOf(terminal, 'n1').data}/log ${nodeOf(terminal, 'n1').data}/index`,
    );
    await terminal.type(`curl -s http://127.0.0.1:2113/metrics | grep '^process_resident_memory_bytes'`);
  },

  upgrade: async (terminal) => {
    const db = await connect(terminal.cluster.url);
    const appends = new ContinuousAppends(db, 'during');
    await until('appends are under way', () => appends.count > 100);
    terminal.say('an application appends all the while, without a pause');
    for (const node of terminal.cluster.nodes) {
      const code = await node.end('SIGTERM');
      terminal.say(`${node.id} was told to stop (SIGTERM), and ended with ${code}; it is started with the new version`);
      node.start();
      await ready(node);
      await terminal.type(`curl -s http://${node.address}/readyz`);
    }
    await until('appends go on', () => appends.count > 200);
    const failures = await appends.stop();
    terminal.say(`${appends.count} appends were acknowledged meanwhile, ${failures.length} failed`);
    await db.close();
    if (failures.length > 0) throw failures[0];
    await terminal.type('factstore cluster status');
  },

  'lose a node': async (terminal) => {
    const leader = await leaderOf(terminal);
    await leader.end('SIGKILL');
    terminal.say(`the machine of ${leader.id}, which led, is gone`);
    await terminal.type(`factstore append order-1 --type OrderPlaced --data '{"total": 12}'`);
    await terminal.type('factstore cluster status');
    leader.start();
    await ready(leader);
    terminal.say(`the machine of ${leader.id} is back, with its disk`);
    await caughtUp(terminal);
    await terminal.type('factstore cluster status');
  },

  'lose the majority': async (terminal) => {
    await terminal.type(`factstore append order-1 --type OrderPlaced --data '{"total": 12}'`);
    await caughtUp(terminal);
    const [left, ...lost] = terminal.cluster.nodes as [ProcessNode, ProcessNode, ProcessNode];
    for (const node of lost) await node.end('SIGKILL');
    terminal.say(`the machines of ${lost.map((node) => node.id).join(' and ')} are gone`);
    const url = `factstore://${left.address}`;
    await until('the last one notices', async () => (await fetch(`http://${left.address}/readyz`)).status === 503);
    await terminal.type(`curl -s http://${left.address}/readyz`);
    await terminal.type(`curl -s http://${left.address}/livez`);
    await terminal.type(`factstore append order-1 --type OrderPaid --url ${url}`, 3);
    await terminal.type(`factstore read order-1 --consistency local --url ${url}`);
    lost[0].start();
    await ready(left);
    terminal.say(`the machine of ${lost[0].id} is back, with its disk: two of three are a majority`);
    await terminal.type('factstore append order-1 --type OrderPaid');
    await terminal.type('factstore read order-1');
  },

  replace: async (terminal) => {
    const node = nodeOf(terminal, 'n3');
    await terminal.type('factstore append order-1 --type OrderPlaced');
    await node.end('SIGKILL');
    rmSync(node.data, { recursive: true });
    await terminal.type('factstore append order-1 --type OrderPaid');
    terminal.say('n3 comes back with an empty disk, and is started as it always was');
    node.start();
    await until('it votes again', async () => await votes(terminal, 'n3'), 30_000);
    await caughtUp(terminal);
    await terminal.type('factstore cluster status');
  },

  scale: async (terminal) => {
    await terminal.type('factstore append order-1 --type OrderPlaced');
    const { peerAddress } = nodeOf(terminal, 'n1');
    terminal.say('a fourth machine: factstore serve --node-id n4 --join 127.0.0.1:2114, and its own addresses');
    await terminal.cluster.addNode(peerAddress);
    await until('it votes', async () => await votes(terminal, 'n4'), 30_000);
    await caughtUp(terminal);
    await terminal.type('factstore cluster status');
    await terminal.type('factstore cluster remove n4');
    await nodeOf(terminal, 'n4').end('SIGTERM');
    terminal.cluster.nodes.pop();
    await terminal.type('factstore cluster status');
  },
};

function nodeOf(terminal: Terminal, id: string): ProcessNode {
  return terminal.cluster.node(id);
}

async function ready(node: ProcessNode): Promise<void> {
  await until(`${node.id} is ready`, async () => (await fetch(`http://${node.address}/readyz`)).status === 200, 30_000);
}

async function members(terminal: Terminal) {
  const db = await connect(terminal.cluster.url);
  try {
    return (await db.cluster.status()).members;
  } finally {
    await db.close();
  }
}

async function votes(terminal: Terminal, id: string): Promise<boolean> {
  const all = await members(terminal);
  return all.some((member) => member.nodeId === id && member.reachable && member.voter);
}

async function leaderOf(terminal: Terminal): Promise<ProcessNode> {
  const id = await until('a node leads', async () => {
    const all = await members(terminal);
    return all.find((member) => member.reachable && member.role === 'leader')?.nodeId;
  });
  return nodeOf(terminal, id);
}

async function caughtUp(terminal: Terminal): Promise<void> {
  await until('all have applied the same', async () => {
    const all = await members(terminal);
    return new Set(all.map((member) => (member.reachable ? member.chainHash : member.nodeId))).size === 1;
  });
}
