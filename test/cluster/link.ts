import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `out`: from the node that dialled to the node that was dialled; `back`: the other way. */
export type Direction = 'out' | 'back';

/** A connection that goes through a link: the two sockets that it is made of. */
interface Joined {
  readonly out: Socket;
  readonly back: Socket;
}

/**
 * The way from one node to another: a TCP proxy of the loopback through which the one dials the other. A direction that
 * is held passes nothing, as if all its packets were lost: what is sent waits, and connections look alive until somebody
 * loses patience. What waited comes late when the direction is let go, as retransmitted packets do.
 */
export class Link {
  private readonly target: number;
  private readonly server: Server;
  private readonly joined = new Set<Joined>();
  private readonly held = new Set<Direction>();

  private constructor(target: number) {
    this.target = target;
    this.server = createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
  }

  static async open(target: number): Promise<Link> {
    const link = new Link(target);
    link.server.listen(0, '127.0.0.1');
    await once(link.server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get isHeld(): boolean {
    return this.held.size > 0;
  }

  hold(direction: Direction): void {
    this.held.add(direction);
    for (const joined of this.joined) this.source(joined, direction).pause();
  }

  letGo(direction: Direction): void {
    this.held.delete(direction);
    for (const joined of this.joined) this.source(joined, direction).resume();
  }

  /** Ends every connection that goes through here. */
  reset(): void {
    for (const { out, back } of this.joined) {
      out.resetAndDestroy();
      back.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.reset();
    this.server.close();
    await once(this.server, 'close');
  }

  /** The socket from which what goes in this direction is read. */
  private source({ out, back }: Joined, direction: Direction): Socket {
    return direction === 'out' ? out : back;
  }

  private accept(out: Socket): void {
    const back = connect({ host: '127.0.0.1', port: this.target, noDelay: true });
    out.setNoDelay(true);
    const joined = { out, back };
    this.joined.add(joined);
    this.pass('out', out, back);
    this.pass('back', back, out);
    for (const socket of [out, back]) {
      // A node that is not there, or went away, ends both halves, which is what the other side has to see.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.joined.delete(joined);
        out.destroy();
        back.destroy();
      });
    }
    if (this.held.has('back')) back.pause();
    if (!this.held.has('out')) out.resume();
  }

  private pass(direction: Direction, from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => {
      if (!this.held.has(direction)) from.resume();
    });
    from.on('end', () => to.end());
  }
}
