import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeGreetingMessage, encodeRaftMessage } from '../../src/peer/codec.ts';
import { openStream } from '../../src/peer/grpc.ts';
import { seenInMemory } from '../../src/peer/handshake.ts';
import { append, heartbeat, introduce, killAll, record, startNode, until } from './support.ts';

const clusterId = Buffer.alloc(16, 0xc1);
const otherCluster = Buffer.alloc(16, 0xee);

afterEach(killAll);

async function pair() {
  const [n1, n2] = await Promise.all([startNode({ nodeId: 'n1', clusterId }), startNode({ nodeId: 'n2', clusterId })]);
  await introduce(n1, n2);
  return { n1, n2 };
}

describe('messages between members', () => {
  test('flow both ways, in order, with their entries and the clock of heartbeats [C4]', async () => {
    const { n1, n2 } = await pair();
    for (let i = 1; i <= 300; i++) n1.network.send(append(n1.id, n2.id, i - 1, [record(i, 'x'.repeat(i))]));
    for (let i = 1; i <= 100; i++) n2.network.send(heartbeat(n2.id, n1.id, i));
    await until(() => n2.received.length === 300 && n1.received.length === 100);
    n2.received.forEach(({ message }, i) => {
      expect(message).toEqual(append(n1.id, n2.id, i, [record(i + 1, 'x'.repeat(i + 1))]));
    });
    expect(n1.received.map(({ message }) => message)).toEqual(
      Array.from({ length: 100 }, (_, i) => heartbeat(n2.id, n1.id, i + 1)),
    );
    for (const { clockUs } of n1.received) expect(Math.abs(clockUs / 1000 - Date.now())).toBeLessThan(60_000);
    for (const { clockUs } of n2.received) expect(clockUs).toBe(0);
  });

  test('a heartbeat does not wait behind log ranges [C8]', async () => {
    const { n1, n2 } = await pair();
    const big = record(1, 'x'.repeat(17_000_000));
    for (let i = 0; i < 3; i++) n1.network.send(append(n1.id, n2.id, 0, [big]));
    n1.network.send(heartbeat(n1.id, n2.id, 1));
    await until(() => n2.received.length === 4);
    expect(n2.received.findIndex(({ message }) => message.type === 'heartbeat')).toBeLessThan(3);
    expect(n2.received.filter(({ message }) => message.type === 'append')).toHaveLength(3);
  });

  test('a message to nobody known, or to nobody there, is dropped', async () => {
    const n1 = await startNode({ nodeId: 'n1', clusterId });
    n1.network.send(heartbeat(n1.id, 'n9/x', 1));
    n1.network.setMembers([n1.member(), { memberId: 'n9/x', peerAddress: '127.0.0.1:1' }]);
    n1.network.send(heartbeat(n1.id, 'n9/x', 1));
    await until(() => n1.network.status('n9/x').reason === 'connection refused 127.0.0.1:1');
    expect(n1.network.status('n9/x').reachable).toBe(false);
    expect(n1.network.status('n8/x')).toEqual({ reachable: false, reason: 'not a member' });
  });
});

describe('a lost peer', () => {
  test('is noticed at once, told once, and found again [C4]', async () => {
    const { n1, n2 } = await pair();
    const before = performance.now();
    n1.kill();
    await until(() => n2.lost.length > 0);
    expect(performance.now() - before).toBeLessThan(500);
    await until(() => n2.network.status(n1.id).reason === `connection refused ${n1.address}`);
    expect(n2.lost).toEqual([n1.id]);

    const again = await startNode({ ...n1.me, incarnation: 2, listen: n1.address });
    again.network.setMembers([again.member(), n2.member()]);
    await until(() => n2.network.status(n1.id).reachable && again.network.status(n2.id).reachable);
    again.network.send(heartbeat(again.id, n2.id, 7));
    await until(() => n2.received.length === 1);
    again.kill();
    await until(() => n2.lost.length === 2);
  });

  test('that accepts connections but says nothing times out [C4]', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await until(() => silent.listening);
    const { port } = silent.address() as { port: number };
    const n1 = await startNode({ nodeId: 'n1', clusterId });
    n1.network.setMembers([n1.member(), { memberId: 'n2/x', peerAddress: `127.0.0.1:${port}` }]);
    await until(() => n1.network.status('n2/x').reason === 'timed out after 2 s');
    expect(n1.lost).toEqual([]);
    n1.kill();
    silent.close();
  });

  test('that falls silent without closing anything is noticed by pings [C4]', async () => {
    const n1 = await startNode({ nodeId: 'n1', clusterId });
    const n2 = await startNode({ nodeId: 'n2', clusterId });
    const ends = new Set<Socket>();
    const cable = createServer({ allowHalfOpen: true }, (socket) => {
      const beyond = connect(Number(n2.address.split(':')[1]), '127.0.0.1');
      for (const end of [socket, beyond]) ends.add(end.on('error', () => undefined));
      socket.pipe(beyond).pipe(socket);
    }).listen(0, '127.0.0.1');
    await until(() => cable.listening);
    const throughCable = `127.0.0.1:${(cable.address() as AddressInfo).port}`;
    for (const node of [n1, n2]) {
      node.network.setMembers([n1.member(), { memberId: n2.id, peerAddress: throughCable }]);
    }
    await until(() => n1.network.status(n2.id).reachable && n2.network.status(n1.id).reachable);
    for (const end of ends) end.unpipe().pause();
    await until(() => n1.lost.length > 0 && n2.lost.length > 0);
    expect([n1.lost, n2.lost]).toEqual([[n2.id], [n1.id]]);
    n1.kill();
    n2.kill();
    for (const end of ends) end.destroy();
    cable.close();
  });

  test('that leaves the configuration is let go without being called lost', async () => {
    const { n1, n2 } = await pair();
    n1.network.setMembers([n1.member()]);
    await until(() => n2.network.status(n1.id).reason.includes('is not a member of this cluster'));
    expect(n1.lost).toEqual([]);
    expect(n1.network.status(n2.id).reason).toBe('not a member');
  });

  test('that moved is reached at its new address', async () => {
    const { n1, n2 } = await pair();
    n2.kill();
    const moved = await startNode({ ...n2.me, incarnation: 2 });
    moved.network.setMembers([n1.member(), moved.member()]);
    n1.network.setMembers([n1.member(), moved.member()]);
    await until(() => n1.network.status(n2.id).reachable);
  });
});

describe('a peer that has moved', () => {
  test('is found by the address that it greets with, before the members are told', async () => {
    const { n1, n2 } = await pair();
    n2.kill();
    await until(() => n1.lost.length > 0);
    const moved = await startNode({ ...n2.me, incarnation: 2 });
    moved.network.setMembers([n1.member(), moved.member()]);
    await until(() => n1.network.status(n2.id).reachable);
    expect(n1.network.addressOf(n2.id)).toBe(moved.address);
    // When the log says it, too, the connection stays as it is.
    n1.network.setMembers([n1.member(), moved.member()]);
    expect(n1.network.status(n2.id).reachable).toBe(true);
  });

  test('is looked for at each address that is known, and one that another node has now does no harm', async () => {
    const { n1, n2 } = await pair();
    n2.kill();
    const other = await startNode({ nodeId: 'n3', clusterId: otherCluster, listen: n2.address });
    const moved = await startNode({ ...n2.me, incarnation: 2 });
    n1.network.setMembers([
      n1.member(),
      { memberId: n2.id, peerAddress: other.address, otherAddress: moved.address, recordedAddress: other.address },
    ]);
    moved.network.setMembers([n1.member(), moved.member()]);
    await until(() => n1.network.addressOf(n2.id) === moved.address && n1.network.status(n2.id).reachable);
  });

  test('keeps the way that the settings name, as long as it tells nothing but what the log says', async () => {
    const [n1, n2] = await Promise.all(['n1', 'n2'].map((nodeId) => startNode({ nodeId, clusterId })));
    // The way to it is broken, and the address in the log would lead around it.
    n1!.network.setMembers([
      n1!.member(),
      { memberId: n2!.id, peerAddress: '127.0.0.1:1', recordedAddress: n2!.address },
    ]);
    n2!.network.setMembers([n1!.member(), n2!.member()]);
    await until(() => n2!.network.status(n1!.id).reachable);
    n2!.network.send(heartbeat(n2!.id, n1!.id, 1));
    await until(() => n1!.received.length > 0);
    expect(n1!.network.addressOf(n2!.id)).toBe('127.0.0.1:1');
  });
});

describe('refusals over the wire', () => {
  test('a node of another cluster is refused and both can say so (DESIGN §6)', async () => {
    const n1 = await startNode({ nodeId: 'n1', clusterId });
    const n2 = await startNode({ nodeId: 'n2', clusterId: otherCluster });
    for (const node of [n1, n2]) node.network.setMembers([n1.member(), n2.member()]);
    await until(() => [n1.network.status(n2.id), n2.network.status(n1.id)].every((s) => /two clusters/.test(s.reason)));
    await until(() => n1.lines.some((line) => line.event === 'peer.refused'));
    expect(n1.network.status(n2.id).reason).toContain(n2.address);
    n1.network.send(heartbeat(n1.id, n2.id, 1));
    expect(n2.received).toEqual([]);
  });

  test('a node behind the address of another one is refused (DESIGN §6)', async () => {
    const { n1, n2 } = await pair();
    const n3 = await startNode({ nodeId: 'n3', clusterId });
    const wrong = { memberId: n3.id, peerAddress: n2.address };
    n1.network.setMembers([n1.member(), n2.member(), wrong]);
    await until(() => n1.network.status(n3.id).reason === `at ${n2.address} answers ${n2.id}, not ${n3.id}`);
    expect(n1.network.status(n2.id).reachable).toBe(true);
  });

  test('a node that is no member is refused (DESIGN §6)', async () => {
    const { n1, n2 } = await pair();
    const n3 = await startNode({ nodeId: 'n3', clusterId });
    n3.network.setMembers([n1.member(), n2.member(), n3.member()]);
    await until(() =>
      /is not a member of this cluster, whose members are n1, n2: it was removed/.test(n3.network.status(n1.id).reason),
    );
    expect(n1.network.status(n2.id).reachable).toBe(true);
  });

  test('an older copy of a data directory is refused [D9]', async () => {
    const seen = seenInMemory();
    const n1 = await startNode({ nodeId: 'n1', clusterId, seen });
    const n2 = await startNode({ nodeId: 'n2', clusterId, incarnation: 4 });
    seen.raiseIncarnation(n2.id, 5);
    for (const node of [n1, n2]) node.network.setMembers([n1.member(), n2.member()]);
    await until(() => [n1.network.status(n2.id), n2.network.status(n1.id)].every((s) => /from a copy/.test(s.reason)));
    expect(n1.lines.some((line) => line.level === 'error' && line.event === 'peer.refused')).toBe(true);
  });

  test('two live processes of one directory: the lower start number is cut off [D9]', async () => {
    const { n1, n2 } = await pair();
    const later = await startNode({ ...n2.me, incarnation: 2 });
    later.network.setMembers([n1.member(), later.member()]);
    await until(() => later.network.status(n1.id).reachable);
    await until(() => /start number 1, but 2 is/.test(n2.network.status(n1.id).reason));
    expect(n1.lines.filter((line) => line.event === 'peer.twoProcesses')).toHaveLength(1);
    expect(n1.lost).toEqual([n2.id]);
    n2.network.send(heartbeat(n2.id, n1.id, 1));
    later.network.send(heartbeat(later.id, n1.id, 2));
    await until(() => n1.received.length > 0);
    expect(n1.received.map(({ message }) => message)).toEqual([heartbeat(n2.id, n1.id, 2)]);
  });

  test('two live processes of one start: both are cut off [D9]', async () => {
    const { n1, n2 } = await pair();
    const copy = await startNode({ ...n2.me });
    copy.network.setMembers([n1.member(), copy.member()]);
    await until(() => [n2, copy].every((node) => /cop(y|ies) of/.test(node.network.status(n1.id).reason)));
    expect(n1.network.status(n2.id).reachable).toBe(false);
  });
});

describe('a stream that does not follow the protocol', () => {
  async function speak(address: string, ...messages: Buffer[]): Promise<{ code: number; details: string }> {
    const { call, close } = openStream(address, 'Messages');
    call.on('data', () => undefined);
    for (const message of messages) call.write(message);
    const status = await new Promise<{ code: number; details: string }>((resolve) => call.on('status', resolve));
    close();
    return status;
  }

  test('ends with the reason, and the others go on', async () => {
    const { n1, n2 } = await pair();
    const hello = encodeGreetingMessage(n2.handshake.greeting(n1.id, true));
    expect(await speak(n1.address, Buffer.from('garbage'))).toMatchObject({ code: 3 });
    const ranges = encodeGreetingMessage(n2.handshake.greeting(n1.id, true));
    expect(await speak(n1.address, hello, ranges)).toMatchObject({
      code: 9,
      details: expect.stringMatching(/greeting/),
    });
    expect(await speak(n1.address, hello, Buffer.from('garbage'))).toMatchObject({ code: 3 });
    const [damaged] = encodeRaftMessage(append(n2.id, n1.id, 0, [record(1)]), 0);
    damaged![damaged!.length - 1]! ^= 1;
    expect(await speak(n1.address, hello, damaged!)).toMatchObject({
      code: 15,
      details: 'entry 1 arrived damaged: its checksum is wrong',
    });
    const bad = n1.lines.filter((line) => line.event === 'peer.badMessage').map((line) => line.text);
    expect(bad).toHaveLength(3);
    expect(bad[2]).toBe(`${n2.id} sent a bad message: entry 1 arrived damaged: its checksum is wrong`);
    expect(n1.received).toEqual([]);
    await until(() => n2.network.status(n1.id).reachable);
    n2.network.send(heartbeat(n2.id, n1.id, 1));
    await until(() => n1.received.length === 1);
  });

  test('ends where another message stands between the parts of a large one [C3]', async () => {
    const { n1, n2 } = await pair();
    // Else it would dial anew, and replace the stream that speaks in its place.
    n2.kill();
    const hello = encodeGreetingMessage(n2.handshake.greeting(n1.id, true));
    const [part] = encodeRaftMessage(append(n2.id, n1.id, 0, [record(1, 'x'.repeat(2 << 20))]), 0);
    const [whole] = encodeRaftMessage(heartbeat(n2.id, n1.id, 1), 0);
    expect(await speak(n1.address, hello, part!, whole!)).toMatchObject({
      code: 3,
      details: 'part: another message stands between the parts of one',
    });
    expect(n1.received).toEqual([]);
  });

  test('garbage and plain HTTP/1.1 on the peer port do no harm [C8]', async () => {
    const { n1, n2 } = await pair();
    const port = Number(n1.address.split(':')[1]);
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      Buffer.alloc(100_000, 7),
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'garbage'.repeat(100)}`,
      '',
    ]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).on('data', () => undefined);
      socket.end(bytes);
      await new Promise((resolve) => socket.on('close', resolve));
    }
    n2.network.send(heartbeat(n2.id, n1.id, 1));
    await until(() => n1.received.length === 1);
    expect(n1.lost).toEqual([]);
    expect(n2.lost).toEqual([]);
  });
});
