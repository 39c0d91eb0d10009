import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../support/wait.ts';
import { Network } from './network.ts';

/** A peer that sends back what it gets. */
class Echo {
  readonly sockets: Socket[] = [];
  received = '';
  private readonly server: Server = createServer((socket) => {
    this.sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.received += bytes;
      socket.write(bytes);
    });
  });

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

describe('the network between nodes', () => {
  let peers: Map<string, Echo>;
  let network: Network;
  const dialled: Socket[] = [];

  beforeEach(async () => {
    peers = new Map(['a', 'b', 'c'].map((id) => [id, new Echo()]));
    const ports = new Map<string, number>();
    for (const [id, peer] of peers) ports.set(id, await peer.listen());
    network = await Network.open(ports);
  });
  afterEach(async () => {
    for (const socket of dialled.splice(0)) socket.destroy();
    for (const peer of peers.values()) peer.close();
    await network.close();
  });

  /** A connection from one node to another, and what came back on it. */
  const dial = (from: string, to: string) => {
    const socket = connect({ host: '127.0.0.1', port: network.port(from, to) });
    dialled.push(socket);
    const line = { back: '', closed: false, send: (text: string) => socket.write(text) };
    socket.on('data', (bytes) => {
      line.back += bytes;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      line.closed = true;
    });
    return line;
  };
  const received = (id: string) => peers.get(id)?.received;
  const passed = (line: { readonly back: string }, text: string) =>
    until(`${text} came back`, () => line.back === text);

  it('passes what is sent, both ways', async () => {
    const line = dial('a', 'b');
    line.send('one');
    await passed(line, 'one');
  });

  it('holds what a blocked node sends, on connections of either side, and hands it over once healed', async () => {
    const [there, back, other] = [dial('a', 'b'), dial('b', 'a'), dial('a', 'c')];
    there.send('1');
    back.send('2');
    await passed(there, '1');
    await passed(back, '2');
    network.block('a', 'b');
    there.send('3');
    back.send('4');
    other.send('5');
    // What `b` sends still reaches `a`, whose answer does not come back; other ways are open.
    await until('a has it', () => received('a') === '24');
    await passed(other, '5');
    expect([received('b'), there.back, back.back]).toEqual(['1', '1', '2']);
    network.heal(false);
    await passed(there, '13');
    await passed(back, '24');
  });

  it('holds new connections too', async () => {
    network.block('a', 'b');
    const line = dial('a', 'b');
    line.send('1');
    const open = dial('a', 'c');
    open.send('2');
    await passed(open, '2');
    expect(received('b')).toBe('');
    network.heal(false);
    await passed(line, '1');
  });

  it('ends blocked connections when it heals with a reset, and no others', async () => {
    const [blocked, open] = [dial('a', 'b'), dial('a', 'c')];
    blocked.send('1');
    open.send('2');
    await passed(blocked, '1');
    await passed(open, '2');
    network.block('a', 'b');
    blocked.send('3');
    network.heal(true);
    await until('the connection is closed', () => blocked.closed);
    open.send('4');
    await passed(open, '24');
    expect(received('b')).toBe('1');
  });

  it('parts nodes as a shape says', async () => {
    network.partition((from, to) => from === 'c' || to === 'c');
    const lines = [dial('a', 'b'), dial('b', 'a')];
    for (const line of lines) line.send('x');
    for (const [from, to] of [
      ['a', 'c'],
      ['c', 'a'],
      ['b', 'c'],
      ['c', 'b'],
    ] as const) {
      const line = dial(from, to);
      line.send('y');
      await passed(line, 'y');
    }
    expect(lines.map(({ back }) => back)).toEqual(['', '']);
  });
});
