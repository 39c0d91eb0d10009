import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { eventsService } from '../../src/proto/services.ts';
import { ProcessCluster } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';

const MIB = 1 << 20;
const CONNECTIONS = 6;
const CALLS = 40;
const SENT = 3 * MIB;
const LIMIT = 32 * MIB;

describe('a node to which much is sent and no call is ended', () => {
  const sessions: ClientHttp2Session[] = [];
  let cluster: ProcessCluster | undefined;
  afterEach(async () => {
    for (const session of sessions) session.destroy();
    await cluster?.dispose();
  });

  const peakBytes = async (pid: number) => {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  };

  it.skipIf(process.platform !== 'linux').each([
    ['half a message', 4 * MIB],
    ['a whole message', SENT],
  ])('keeps its memory within bounds, and serves others: %s [C8]', async (_, messageBytes) => {
    cluster = await ProcessCluster.prepare(1, ['--unhandled-bytes-max', String(LIMIT)]);
    const [node] = cluster.nodes;
    if (!node) throw new Error('no node');
    cluster.startAll();
    const db = await node.client();
    await db.append('before', [{ type: 'T', data: 1 }]);
    const before = await peakBytes(node.pid);

    const part = Buffer.alloc(SENT, 1);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(messageBytes, 1);
    let closed = 0;
    for (let c = 0; c < CONNECTIONS; c++) {
      const session = connectHttp2(`http://${node.address}`);
      sessions.push(session);
      session.on('error', () => undefined);
      session.on('close', () => closed++);
      for (let n = 0; n < CALLS; n++) {
        const call = session.request({
          ':method': 'POST',
          ':path': eventsService.Append.path,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        call.on('error', () => undefined);
        call.write(prefix);
        call.write(part);
      }
    }
    // Together they would hold 720 MiB. Whoever holds most is closed, again and again, until the rest is within bounds.
    await until('connections are closed', () => closed >= CONNECTIONS - 1);
    await db.append('after', [{ type: 'T', data: 2 }]);
    expect(await db.readAll().toArray()).toHaveLength(2);
    expect((await peakBytes(node.pid)) - before).toBeLessThan(6 * LIMIT);
    expect(node.output.join('\n')).toContain('"event":"server.unhandled"');
    await db.close();
  });
});
