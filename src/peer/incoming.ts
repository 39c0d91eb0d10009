import { type FactstoreError, invalid } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Inbound } from '../replica/ports.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodeError, decodeStreamMessage, encodeGreetingMessage, type Greeting, type StreamMessage } from './codec.ts';
import { endWithError, type ServerCall } from './grpc.ts';
import type { Handshake } from './handshake.ts';
import { memberId, refused } from './identity.ts';
import { PartsAssembly } from './message-parts.ts';

/** Who opens a stream greets at once. */
export const GREETING_TIMEOUT_MS = 5000;

export interface IncomingOptions {
  readonly handshake: Handshake;
  readonly inbound: Inbound;
  readonly clock: Clock;
  /** The member tells where peers reach it. */
  readonly up: (member: MemberId, bulk: boolean, peerAddress: string) => void;
  /** An accepted stream ended that no newer one of its kind has replaced. */
  readonly lost: (member: MemberId, bulk: boolean, reason: string) => void;
}

/** The streams of messages that other members have opened to this node. */
export class Incoming {
  private readonly options: IncomingOptions;
  private readonly open = new Set<IncomingStream>();

  constructor(options: IncomingOptions) {
    this.options = options;
  }

  accept(call: ServerCall): void {
    new IncomingStream(call, this.options, this.open);
  }

  /** Ends the streams of one member, or all; tells how many there were. */
  end(reason: FactstoreError, member?: MemberId): number {
    const streams = [...this.open].filter((stream) => member === undefined || stream.member === member);
    for (const stream of streams) stream.refuse(reason);
    return streams.length;
  }
}

class IncomingStream {
  /** Undefined until it has greeted and was accepted. */
  member: MemberId | undefined;
  private bulk = false;
  private readonly parts = new PartsAssembly();
  private over = false;
  private readonly call: ServerCall;
  private readonly options: IncomingOptions;
  private readonly open: Set<IncomingStream>;

  constructor(call: ServerCall, options: IncomingOptions, open: Set<IncomingStream>) {
    this.call = call;
    this.options = options;
    this.open = open;
    const timer = options.clock.setTimer(GREETING_TIMEOUT_MS, () => {
      if (!this.member) this.refuse(refused('identity', 'no greeting came'));
    });
    call.on('data', (bytes: Buffer) => this.received(bytes));
    call.on('end', () => {
      this.finish('it closed the connection');
      call.end();
    });
    call.on('cancelled', () => this.finish('the connection broke'));
    call.on('error', () => this.finish('the connection broke'));
    call.on('close', () => {
      timer.cancel();
      this.finish('the connection broke');
    });
  }

  refuse(error: FactstoreError): void {
    if (this.over) return;
    endWithError(this.call, error);
    this.finish(error.message);
  }

  private received(bytes: Buffer): void {
    if (this.over) return;
    const message = this.decode(bytes);
    if (!message) return;
    if (!this.member) {
      if (message.kind === 'greeting') this.greeted(message.greeting);
      else this.refuse(refused('identity', 'the first message must be a greeting'));
      return;
    }
    if (message.kind === 'raft') this.options.inbound.receive(message.message, message.clockUs);
    else if (message.kind === 'greeting') this.refuse(refused('identity', 'a greeting stands only at the beginning'));
  }

  /** Undefined where it was refused, and for a part that is not the last one. */
  private decode(bytes: Buffer): StreamMessage | undefined {
    const { handshake } = this.options;
    const ends = { from: this.member ?? '', to: handshake.self };
    try {
      const message = decodeStreamMessage(bytes, ends);
      if (message.kind !== 'part' || !this.member) {
        if (this.parts.begun) throw invalid('part', 'another message stands between the parts of one');
        return message;
      }
      const whole = this.parts.add(message);
      return whole && decodeStreamMessage(whole, ends);
    } catch (thrown) {
      const error = decodeError(thrown);
      handshake.badMessage(this.member, this.call.getPeer(), error);
      this.refuse(error);
      return undefined;
    }
  }

  private greeted(greeting: Greeting): void {
    const { handshake } = this.options;
    const error = handshake.refusal(greeting);
    if (error) return this.refuse(error);
    const member = memberId(greeting.nodeId, greeting.directoryId);
    // The member dialled anew before this node noticed that the old connection is gone: nothing was lost.
    for (const older of this.open) {
      if (older.member === member && older.bulk === greeting.bulk) older.replaced();
    }
    this.member = member;
    this.bulk = greeting.bulk;
    this.open.add(this);
    this.call.write(encodeGreetingMessage(handshake.greeting(member, greeting.bulk)));
    this.options.up(member, greeting.bulk, greeting.peerAddress);
  }

  private replaced(): void {
    this.over = true;
    this.open.delete(this);
    endWithError(this.call, refused('identity', 'replaced by a newer connection'));
  }

  private finish(reason: string): void {
    if (this.over) return;
    this.over = true;
    if (this.open.delete(this) && this.member) this.options.lost(this.member, this.bulk, reason);
  }
}
