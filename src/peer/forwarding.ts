import { FactstoreError } from '../base/errors.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ForwardContext, ForwardStream, unreachableLeader } from './forward-stream.ts';
import type { Handshake } from './handshake.ts';
import { nodeIdOf } from './identity.ts';

export interface ForwarderOptions {
  readonly handshake: Handshake;
  readonly clock: Clock;
  /** Where peers reach a member; undefined where it is not one. */
  readonly addressOf: (member: MemberId) => string | undefined;
  /** Appends without an answer, at most. */
  readonly pendingMax?: number;
  /** Their bytes, at most. */
  readonly pendingBytesMax?: number;
}

const PENDING_MAX = 4096;
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** After the leader could not be reached, appends fail at once for so long. */
const PAUSE_MS = 50;

/**
 * Passes the appends that came to a follower on to the leader, pipelined over one stream (rule S9). What leaves here is
 * never forwarded again: the leader judges it, or says that it does not lead.
 *
 * An append that fails before it was sent fails definitely. Once it was sent, and no answer came, nobody here knows.
 */
export class Forwarder {
  private readonly options: ForwarderOptions;
  private leader: MemberId | undefined;
  private stream: ForwardStream | undefined;
  /** Streams to former leaders that still owe answers. */
  private readonly retired = new Set<ForwardStream>();
  private failure: { readonly reason: string; readonly untilMs: number } | undefined;

  constructor(options: ForwarderOptions) {
    this.options = options;
  }

  /**
   * Whom to forward to from now on; undefined: nobody is known to lead. What was sent to the leader before may still be
   * answered by it; what was not sent yet fails definitely.
   */
  setLeader(leader: MemberId | undefined): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.failure = undefined;
    const stream = this.stream;
    this.stream = undefined;
    if (!stream) return;
    this.retired.add(stream);
    stream.retire();
  }

  /** The AppendResponse as bytes. Rejects with a FactstoreError. */
  forward(append: Uint8Array, context: ForwardContext): Promise<Uint8Array> {
    const stream = this.stream ?? this.open();
    if (stream instanceof FactstoreError) return Promise.reject(stream);
    const { pendingMax = PENDING_MAX, pendingBytesMax = PENDING_BYTES_MAX } = this.options;
    if (stream.size >= pendingMax || (stream.size > 0 && stream.bytes + append.length > pendingBytesMax)) {
      const text = `${stream.size} appends (${stream.bytes} bytes) wait for the leader already. Nothing was written. Try again later`;
      return Promise.reject(new FactstoreError('OVERLOADED', text, { pending: stream.size, limit: pendingMax }));
    }
    return stream.forward(append, context);
  }

  /** Everything pending is rejected. */
  close(): void {
    this.leader = undefined;
    this.stream?.close('this node is stopping');
    for (const stream of this.retired) stream.close('this node is stopping');
    this.stream = undefined;
    this.retired.clear();
  }

  private open(): ForwardStream | FactstoreError {
    const { leader, failure } = this;
    const { handshake, clock, addressOf } = this.options;
    if (leader === undefined || leader === handshake.self) return noLeader('no leader is known');
    const address = addressOf(leader);
    if (address === undefined) return noLeader(`the leader ${nodeIdOf(leader)} is not among the known members`);
    if (failure && clock.monotonicMs() < failure.untilMs) return unreachableLeader(leader, failure.reason);
    const stream: ForwardStream = new ForwardStream({
      leader,
      address,
      handshake,
      clock,
      ended: (reason, wasAccepted) => {
        this.retired.delete(stream);
        if (this.stream !== stream) return;
        this.stream = undefined;
        this.failure = wasAccepted ? undefined : { reason, untilMs: clock.monotonicMs() + PAUSE_MS };
      },
    });
    this.stream = stream;
    return stream;
  }
}

function noLeader(reason: string): FactstoreError {
  return new FactstoreError('NO_LEADER', `${reason}. Nothing was written. Try again`);
}
