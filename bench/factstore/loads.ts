import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { FactstoreClient } from '../../src/client/index.ts';
import type { AppendOutcome } from '../../src/proto/append-response.ts';
import { type Measured, type Operation, promised } from '../support/load.ts';
import type { Payloads } from '../support/payload.ts';
import { wire } from './program.ts';

const CHANNEL_OPTIONS = { 'grpc.enable_retries': 0, 'grpc-node.flow_control_window': 1 << 20 };
const NO_METADATA = new Metadata();
const EMPTY = new Uint8Array();

/** One connection to one node, and unary calls on it: grpc-js and the wire codecs, without the SDK. */
export class UnaryClient {
  private readonly client: Client;
  private readonly payloads: Payloads;

  constructor(address: string, payloads: Payloads) {
    this.client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.payloads = payloads;
  }

  readonly append: Operation = (done) => {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Append;
    const event = wire.encodeNewEvent({
      id: wire.uuidOrNew('id', undefined),
      type: 'Deposited',
      data: this.payloads.payload().json,
      contentType: '',
      metadata: EMPTY,
      tags: [],
      schemaVersion: 0,
    });
    const request = wire.encodeAppendRequest({
      appendId: wire.uuidOrNew('id', undefined),
      writes: [{ stream: this.payloads.stream(), expect: { kind: 'any' }, events: [event] }],
    });
    this.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      NO_METADATA,
      (error: unknown, outcome: AppendOutcome | undefined) =>
        done(error ?? (outcome?.kind === 'appended' ? undefined : new Error('the append was refused'))),
    );
  };

  /** Reads everything as it comes from the wire: batches of events as bytes, which are counted and not decoded. */
  readAll(secondsMax: number): Promise<Measured> {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Read;
    const request = wire.encodeReadRequest({
      target: { kind: 'all' },
      backwards: false,
      start: undefined,
      limit: 0,
      consistency: { kind: 'linearizable' },
      userEvents: false,
    });
    const begun = performance.now();
    const call = this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, NO_METADATA);
    return new Promise((resolve, reject) => {
      let units = 0;
      const end = () => resolve(rateOf(units, begun));
      call.on('data', ({ events }) => {
        units += events.length;
        if (performance.now() - begun < secondsMax * 1000) return;
        end();
        call.cancel();
      });
      call.on('end', end);
      call.on('error', reject);
    });
  }

  close(): void {
    this.client.close();
  }
}

/** `client.append` of events to one stream. */
export function sdkAppend(client: FactstoreClient, payloads: Payloads, events: number): Operation {
  const event = () => ({ type: 'Deposited', data: payloads.payload().data });
  return promised(() =>
    client.append(payloads.stream(), events === 1 ? [event()] : Array.from({ length: events }, event)),
  );
}

/** `client.readAll` from the first event on: decoded, its JSON parsed. Ends early once it took long enough. */
export async function sdkReadAll(client: FactstoreClient, secondsMax: number): Promise<Measured> {
  const begun = performance.now();
  let units = 0;
  for await (const event of client.readAll()) {
    if (event.position > 0n) units++;
    if (units % 1_000 === 0 && performance.now() - begun > secondsMax * 1000) break;
  }
  return rateOf(units, begun);
}

function rateOf(units: number, begun: number): Measured {
  return { units, rate: units / ((performance.now() - begun) / 1000) };
}
