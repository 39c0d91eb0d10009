import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { LevelStore } from '../../src/storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../../src/storage/raft-log.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import { runCli } from '../support/run-cli.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

let nodes: TestNodes;
let client: FactstoreClient;
let n: number;

beforeEach(async () => {
  nodes = await TestNodes.start(3, { shutdownTimeoutMs: 1_000 });
  client = await nodes.client();
  for (let i = 0; i < 60; i++) await client.append('a', [{ type: 'Counted', data: { i } }]);
  n = await nodes.follower();
  await nodes.stopNode(n);
});
afterEach(() => nodes.dispose());

const others = () => [0, 1, 2].filter((other) => other !== n);

/** Starts the node while none of the others runs: it cannot be mended yet. */
async function startAlone(): Promise<void> {
  await Promise.all(others().map((other) => nodes.stopNode(other)));
  await nodes.startNode(n);
}

async function startOthers(): Promise<void> {
  await Promise.all(others().map((other) => nodes.startNode(other)));
}

/** What a client of all nodes is told of the damaged one. */
function told(pattern: RegExp): Promise<string> {
  return until('cluster status tells why it does not serve', async () => {
    const { members } = await client.cluster.status();
    const member = members.find(({ nodeId }) => nodeId === `n${n + 1}`);
    return member?.reachable && pattern.test(member.notReady) && member.notReady;
  });
}

async function metrics(): Promise<string> {
  return (await fetch(`http://${formatAddress(nodes.node(n).address)}/metrics`)).text();
}

describe('cluster status', () => {
  test('shows a node that is being repaired, what is damaged, how far it is and what it waits for [D7]', async () => {
    const store = await LevelStore.open(join(nodes.data(n), 'log'), RAFT_LOG_DATABASE);
    await store.write([{ type: 'del', key: entryKey(40) }], true);
    await store.close();
    await startAlone();
    const text = await told(
      /^repairing its log, \d+ % \(entry 40: it is missing\): no peer has entry 40: .*connection refused 127\.0\.0\.1:\d+/,
    );
    expect(Number(/(\d+) %/.exec(text)?.[1])).toBeGreaterThan(30);
    expect(await metrics()).toMatch(/^factstore_log_repair_percent [3-9]\d$/m);
    const { stdout } = await runCli(['cluster', 'status', '--url', nodes.url]);
    expect(stdout).toContain('repairing its log');
    await startOthers();
    await told(/^$/);
    expect(await metrics()).not.toMatch(/^factstore_log_repair_percent \d/m);
  });

  test('shows a node that comes back as a new member, why, and what it waits for [D7]', async () => {
    await rm(join(nodes.data(n), 'log'), { recursive: true });
    await startAlone();
    await told(
      /^coming back as a new member, .* \(entry 1, the founding record, is missing\): cannot join through 127\.0\.0\.1:\d+/,
    );
    await startOthers();
    await told(/^$/);
  });
});
