import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { HOSTILE_CLIENTS } from '../support/hostile-frames.ts';
import { scrape } from '../support/metrics.ts';
import { ProcessCluster, type ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';

const MIB = 1 << 20;
/** Beyond 1,000 invalid frames Node would end a connection. */
const FRAMES = 2_000;
const CONNECTIONS = 3;

/** One node as it is shipped, to which one after another says what no HTTP/2 client would. */
describe.skipIf(process.platform !== 'linux')('a node outlives [C8]', () => {
  let cluster: ProcessCluster;
  let node: ProcessNode;
  let db: FactstoreClient;
  let before: number;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    cluster = await ProcessCluster.prepare(1);
    node = cluster.nodes[0] as ProcessNode;
    cluster.startAll();
    db = await node.client();
    await db.append('before', [{ type: 'T', data: 1 }]);
    before = await peakBytes();
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await db.close();
    await cluster.dispose();
  });

  const peakBytes = async () => {
    const status = await readFile(`/proc/${node.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };

  it.each(HOSTILE_CLIENTS)('$name, and serves who was there', async ({ frames, deaf }) => {
    const [host, port] = node.address.split(':') as [string, string];
    for (let n = 0; n < CONNECTIONS; n++) {
      const socket = connect(Number(port), host);
      sockets.push(socket);
      socket.on('error', () => undefined);
      if (!deaf) socket.resume();
      socket.write(frames(FRAMES));
    }
    await db.append('during', [{ type: 'T', data: 1 }]);
    for (const socket of sockets.splice(0)) socket.destroy();
    // But for the one over which the SDK appends. Where HTTP/2 has given a connection up, its end is noticed by pings, after 15 s.
    const onlyOurs = async () => (await scrape(node.address)).get('factstore_grpc_open_calls') === 1;
    await until('no call is left', onlyOurs, 25_000);
    await db.append('after', [{ type: 'T', data: 1 }]);
    expect(node.running).toBe(true);
    expect((await peakBytes()) - before).toBeLessThan(300 * MIB);
  });
});
