import { readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultHistory, importLines } from '../../bench/datasets/git-history.ts';
import { connect } from '../../src/client/index.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import { ContinuousAppends } from '../container/continuous-appends.ts';
import type { ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';
import type { Terminal } from './terminal.ts';

/** Something that happens to a cluster, and what its operator does. It begins with nodes that serve. */
export type Drill = (terminal: Terminal) => Promise<void>;

/** With how many nodes a drill begins, where that is not three. */
export const FIRST_NODES: Readonly<Record<string, number>> = { grow: 1 };

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

  'lose the majority for good': async (terminal) => {
    const { cluster } = terminal;
    const [n1, n2, n3] = cluster.nodes as [ProcessNode, ProcessNode, ProcessNode];
    await terminal.type(`factstore append order-1 --type OrderPlaced --data '{"total": 12}'`);
    await caughtUp(terminal);
    for (const node of [n2, n3]) await node.end('SIGKILL');
    await n1.end('SIGTERM');
    terminal.say('n2 and n3 will never come back; n1 was told to stop');
    const { clusterId } = JSON.parse(readFileSync(join(n1.data, 'identity.json'), 'utf8')) as { clusterId: string };
    await terminal.type(`echo ${clusterId} | factstore recover ${n1.data}`);
    n1.start();
    await ready(n1);
    terminal.say(
      'n1 was started as it always was; two new machines: factstore serve --node-id n4 --join 127.0.0.1:2114, and n5',
    );
    for (const id of ['n4', 'n5']) {
      await cluster.addNode(n1.peerAddress);
      await until(`${id} votes`, async () => await votes(terminal, id), 30_000);
    }
    await caughtUp(terminal, ['n1', 'n4', 'n5']);
    await terminal.type(`factstore cluster status --url factstore://${n1.address}`);
    await terminal.type(`factstore read order-1 --url factstore://${n1.address}`);
    n2.start();
    terminal.say('the machine of n2 turns up again, with its disk');
    const notReady = async () => (await fetch(`http://${n2.address}/readyz`)).text();
    await until('it knows', async () => /given up/.test(await notReady()), 30_000);
    await terminal.type(`curl -s http://${n2.address}/readyz`);
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

  'lose a disk': async (terminal) => {
    const node = nodeOf(terminal, 'n3');
    await terminal.type('factstore append order-1 --type OrderPlaced');
    await terminal.type('factstore append order-1 --type OrderPaid');
    await caughtUp(terminal);
    await node.end('SIGTERM');
    await flipBit(node, 3);
    terminal.say('n3 was stopped, and its disk is suspected');
    await terminal.type(`factstore verify ${node.data}`, 1);
    node.start();
    await ready(node);
    await caughtUp(terminal);
    terminal.say('n3 was started as it always was');
    await terminal.type('factstore cluster status');
    await node.end('SIGTERM');
    await terminal.type(`factstore verify ${node.data}`);
  },

  grow: async (terminal) => {
    const { cluster } = terminal;
    const { peerAddress } = nodeOf(terminal, 'n1');
    await terminal.type('factstore append order-1 --type OrderPlaced');
    for (const [two, says] of [
      [
        ['n2', 'n3'],
        'two more machines: factstore serve --node-id n2 --join 127.0.0.1:2114, and n3, with their own addresses',
      ],
      [['n4', 'n5'], 'and two more'],
    ] as const) {
      terminal.say(says);
      for (const id of two) {
        await cluster.addNode(peerAddress);
        await until(`${id} votes`, async () => await votes(terminal, id), 30_000);
      }
      await caughtUp(terminal);
      await terminal.type('factstore cluster status');
    }
    await terminal.type('factstore read order-1 --url factstore://127.0.0.1:2153');
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

/** These nodes, or all of them. */
async function caughtUp(terminal: Terminal, ids?: readonly string[]): Promise<void> {
  await until('all have applied the same', async () => {
    const all = (await members(terminal)).filter(({ nodeId }) => !ids || ids.includes(nodeId));
    return new Set(all.map((member) => (member.reachable ? member.chainHash : member.nodeId))).size === 1;
  });
}

/** In an entry of a stopped node's log. */
async function flipBit(node: ProcessNode, index: number): Promise<void> {
  const store = await LevelStore.open(join(node.data, 'log'), RAFT_LOG_DATABASE);
  const key = entryKey(index);
  const value = Buffer.from((await store.get(key)) as Buffer);
  value[value.length - 1]! ^= 4;
  await store.write([{ type: 'put', key, value }], true);
  await store.close();
}
