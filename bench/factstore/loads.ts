import { writeFile } from 'node:fs/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { FactstoreClient, NewEvent } from '../../src/client/index.ts';
import type { AppendOutcome } from '../../src/proto/append-response.ts';
import type { ReadRequest } from '../../src/proto/read.ts';
import { type Operation, promised } from '../harness/load.ts';
import type { Scan } from '../harness/scan.ts';
import type { Payloads } from '../support/payload.ts';
import { wire } from './program.ts';

const CHANNEL_OPTIONS = { 'grpc.enable_retries': 0, 'grpc-node.flow_control_window': 1 << 20 };
const NO_METADATA = new Metadata();
const HEAD_MS = 5_000;
const EMPTY = new Uint8Array();
/** Events that a scan through the SDK counts before it says so. */
const PIECE = 1_000;

const READ: ReadRequest = {
  target: { kind: 'all' },
  backwards: false,
  start: undefined,
  limit: 0,
  consistency: { kind: 'linearizable' },
  userEvents: false,
};

/** One connection to one node, and calls on it: grpc-js and the wire codecs, without the SDK. */
export class WireClient {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  /** One event by a unary call. */
  append(payloads: Payloads): Operation {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Append;
    return (done) => {
      const event = wire.encodeNewEvent({
        id: wire.uuidOrNew('id', undefined),
        type: 'Deposited',
        data: payloads.payload().json,
        contentType: '',
        metadata: EMPTY,
        tags: [],
        schemaVersion: 0,
      });
      const request = wire.encodeAppendRequest({
        appendId: wire.uuidOrNew('id', undefined),
        writes: [{ stream: payloads.stream(), expect: { kind: 'any' }, events: [event] }],
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
  }

  /** Reads the first event of a stream. */
  readOne(payloads: Payloads, consistency: 'linearizable' | 'local'): Operation {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Read;
    return (done) => {
      const target = { kind: 'stream', stream: payloads.stream() } as const;
      const request = wire.encodeReadRequest({ ...READ, target, limit: 1, consistency: { kind: consistency } });
      const call = this.client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        NO_METADATA,
      );
      let events = 0;
      call.on('data', (message) => (events += message.events.length));
      call.on('end', () => done(events === 1 ? undefined : new Error(`${events} events instead of one`), 0));
      call.on('error', done);
    };
  }

  /** Reads as it comes from the wire: batches of events as bytes, which are counted and not decoded. */
  scan(part: Partial<ReadRequest>): Scan {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Read;
    const request = wire.encodeReadRequest({ ...READ, ...part });
    return async function* (this: WireClient) {
      const { client } = this;
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, NO_METADATA);
      call.on('error', () => {});
      try {
        for await (const { events } of call) yield events.length as number;
      } finally {
        call.cancel();
      }
    }.bind(this);
  }

  /** The head, linearizably. */
  head(): Promise<number> {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Head;
    const request = wire.encodeHeadRequest({ consistency: { kind: 'linearizable' } });
    const options = { deadline: Date.now() + HEAD_MS };
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        NO_METADATA,
        options,
        (error, answer) => (error ? reject(error) : resolve(Number(answer?.position))),
      );
    });
  }

  /** Writes the messages of a read to a file, each behind its length in four bytes; gives how many events each has. */
  async save(part: Partial<ReadRequest>, file: string): Promise<number[]> {
    const { path, requestSerialize, responseDeserialize } = wire.eventsService.Read;
    const request = wire.encodeReadRequest({ ...READ, ...part });
    const asIs = (bytes: Buffer) => bytes;
    const call = this.client.makeServerStreamRequest(path, requestSerialize, asIs, request, NO_METADATA);
    const counts: number[] = [];
    const parts: Buffer[] = [];
    for await (const message of call as AsyncIterable<Buffer>) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      parts.push(length, message);
      counts.push(responseDeserialize(message).events.length);
    }
    await writeFile(file, Buffer.concat(parts));
    return counts;
  }

  close(): void {
    this.client.close();
  }
}

/** `client.append` of events to one stream. */
export function sdkAppend(client: FactstoreClient, payloads: Payloads, events: number, bytes = false): Operation {
  const event = (): NewEvent => {
    const { data, json } = payloads.payload();
    // Bytes already, as etcd's client gets them.
    return bytes ? { type: 'Deposited', data: json, contentType: 'application/json' } : { type: 'Deposited', data };
  };
  return promised(() =>
    client.append(payloads.stream(), events === 1 ? [event()] : Array.from({ length: events }, event)),
  );
}

/** `client.append` of one event with a tag; with a condition: that nothing has the tag since what was acknowledged last. */
export function sdkTagged(client: FactstoreClient, payloads: Payloads, conditional: boolean): Operation {
  // Far more tags than appends in flight: none meets itself.
  const TAGS = 10_000;
  let next = 0;
  let after = 0n;
  return promised(async () => {
    const tag = `${conditional ? 'order' : 'parcel'}:${next++ % TAGS}`;
    const event: NewEvent = { type: 'Deposited', data: payloads.payload().data, tags: [tag] };
    const conditions = conditional ? [{ failIfEventsMatch: { tags: [tag] }, after }] : undefined;
    const { position } = await client.append(payloads.stream(), [event], { conditions });
    if (position > after) after = position;
  });
}

/** `client.append` of one event to a stream whose revision is known, one of as many as there are appends in flight. */
export function sdkExpecting(client: FactstoreClient, payloads: Payloads): Operation {
  const idle: { stream: string; revision: bigint | 'none' }[] = [];
  let streams = 0;
  return promised(async () => {
    const own = idle.pop() ?? { stream: `expecting-${process.pid}-${streams++}`, revision: 'none' as const };
    const event = { type: 'Deposited', data: payloads.payload().data };
    const { revision } = await client.append(own.stream, [event], { expect: own.revision });
    idle.push({ stream: own.stream, revision });
  });
}

/** What a read through the SDK gives: decoded, its JSON parsed. */
export function sdkScan(read: () => AsyncIterable<unknown>): Scan {
  return async function* () {
    let count = 0;
    for await (const _ of read()) {
      if (++count < PIECE) continue;
      yield count;
      count = 0;
    }
    if (count > 0) yield count;
  };
}
