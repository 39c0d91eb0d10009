import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { FactstoreError } from '../../src/base/errors.ts';
import { decodeStatus } from '../../src/proto/error-detail.ts';

const asIs = (bytes: Buffer) => bytes;

/** How a call ended. */
export interface RawOutcome {
  /** The gRPC status; 0: it succeeded. */
  readonly code: number;
  readonly details: string;
  /** What the node itself said, if it did. */
  readonly error: FactstoreError | undefined;
  /** The messages that came back. */
  readonly messages: readonly Buffer[];
}

/** A gRPC client that sends any bytes to any method: no SDK checks them first. */
export class RawClient {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address.replace('factstore://', ''), credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
  }

  unary(path: string, bytes: Uint8Array, timeoutMs = 5_000): Promise<RawOutcome> {
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + timeoutMs };
      const request = Buffer.from(bytes);
      this.client.makeUnaryRequest(path, asIs, asIs, request, new Metadata(), options, (error, answer) => {
        resolve(outcome(error ?? undefined, answer ? [answer] : []));
      });
    });
  }

  /** Sends one message and takes answers until the call ends, or there are `most` of them. */
  serverStream(
    path: string,
    bytes: Uint8Array,
    most = Number.POSITIVE_INFINITY,
    timeoutMs = 5_000,
  ): Promise<RawOutcome> {
    const options = { deadline: Date.now() + timeoutMs };
    const call = this.client.makeServerStreamRequest(path, asIs, asIs, Buffer.from(bytes), new Metadata(), options);
    return collect(call, most);
  }

  /** Sends the messages, half-closes, and takes answers until the call ends, or there are `most` of them. */
  duplex(path: string, messages: readonly Uint8Array[], most = Number.POSITIVE_INFINITY): Promise<RawOutcome> {
    const options = { deadline: Date.now() + 5_000 };
    const call = this.client.makeBidiStreamRequest(path, asIs, asIs, new Metadata(), options);
    const ended = collect(call, most);
    for (const message of messages) call.write(Buffer.from(message));
    call.end();
    return ended;
  }

  /** Sends a message, and the others once the first answer is there or there are no others to come; then half-closes. */
  conversation(path: string, first: Uint8Array, others: readonly Uint8Array[]): Promise<RawOutcome> {
    const options = { deadline: Date.now() + 5_000 };
    const call = this.client.makeBidiStreamRequest(path, asIs, asIs, new Metadata(), options);
    const ended = collect(call, Number.POSITIVE_INFINITY);
    call.write(Buffer.from(first));
    const goOn = () => {
      for (const message of others) call.write(Buffer.from(message));
      call.end();
    };
    if (others.length === 0) goOn();
    else call.once('data', goOn);
    return ended;
  }

  close(): void {
    this.client.close();
  }
}

interface Answers {
  on(event: 'data', listener: (message: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: ServiceError) => void): unknown;
  cancel(): void;
}

function collect(call: Answers, most: number): Promise<RawOutcome> {
  const messages: Buffer[] = [];
  return new Promise((resolve) => {
    call.on('data', (message) => {
      messages.push(message);
      if (messages.length < most) return;
      resolve(outcome(undefined, messages));
      call.cancel();
    });
    call.on('end', () => resolve(outcome(undefined, messages)));
    call.on('error', (error) => resolve(outcome(error, messages)));
  });
}

function outcome(error: ServiceError | undefined, messages: readonly Buffer[]): RawOutcome {
  const bytes = error?.metadata?.get('grpc-status-details-bin')[0];
  const told = bytes instanceof Uint8Array ? decodeStatus(bytes) : undefined;
  return { code: error?.code ?? 0, details: error?.details ?? '', error: told, messages };
}
