import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { FieldReader, WireType } from '../../src/model/wire.ts';
import { MessageWriter } from '../../src/proto/message-writer.ts';

const definitions = loadSync(fileURLToPath(new URL('kv.proto', import.meta.url)), {
  keepCase: false,
  longs: String,
  defaults: true,
});
const maintenance = definitions['etcdserverpb.Maintenance'] as ServiceDefinition;
const kv = definitions['etcdserverpb.KV'] as ServiceDefinition;

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface EtcdStatus {
  readonly header: { readonly memberId: string; readonly revision: string };
  readonly version: string;
  readonly leader: string;
}

interface Range {
  readonly key: Buffer;
  readonly rangeEnd?: Buffer;
  readonly limit?: number;
  readonly serializable?: boolean;
}

const PAGE_KEYS = 1_000;
const CHANNEL_OPTIONS = { 'grpc.enable_retries': 0, 'grpc-node.flow_control_window': 1 << 20 };
const NO_METADATA = new Metadata();

/** One connection to one etcd server: the same grpc-js client, with the same options, that factstore's unary calls use. */
export class EtcdClient {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  status(): Promise<EtcdStatus> {
    return this.unary('Status', {});
  }

  put(pair: KeyValue, done: (error?: unknown) => void): void {
    this.client.makeUnaryRequest(
      '/etcdserverpb.KV/Put',
      asIs,
      succeededPut,
      encodePut(pair),
      NO_METADATA,
      (error: unknown) => done(error ?? undefined),
    );
  }

  /** Puts all or none of them: one transaction without conditions. */
  putAll(pairs: readonly KeyValue[], done: (error?: unknown) => void): void {
    this.client.makeUnaryRequest(
      '/etcdserverpb.KV/Txn',
      asIs,
      succeededTxn,
      encodeTxn(pairs),
      NO_METADATA,
      (error: unknown, succeeded: boolean | undefined) =>
        done(error ?? (succeeded ? undefined : new Error('the transaction did not succeed'))),
    );
  }

  /** Reads one key: linearizably, or what the server has. */
  get(key: string, serializable: boolean, done: (error?: unknown, written?: number) => void): void {
    this.range({ key: Buffer.from(key), serializable }, (error, pairs) =>
      done(error ?? (pairs?.length === 1 ? undefined : new Error(`${pairs?.length} keys instead of one`)), 0),
    );
  }

  /** Reads all keys in pages, and says how many each has. A page is as large as factstore's batches may be. */
  async *rangeAll(): AsyncGenerator<number, void, undefined> {
    let key: Buffer = Buffer.of(0);
    for (;;) {
      const request = { key, rangeEnd: Buffer.of(0), limit: PAGE_KEYS };
      const pairs = await new Promise<KeyValue[]>((resolve, reject) =>
        this.range(request, (error, pairs = []) => (error ? reject(error) : resolve(pairs))),
      );
      if (pairs.length > 0) yield pairs.length;
      if (pairs.length < PAGE_KEYS) return;
      key = Buffer.from(`${pairs[pairs.length - 1]?.key}\0`);
    }
  }

  close(): void {
    this.client.close();
  }

  private range(request: Range, done: (error: unknown, pairs?: KeyValue[]) => void): void {
    this.client.makeUnaryRequest('/etcdserverpb.KV/Range', asIs, decodeRange, encodeRange(request), NO_METADATA, done);
  }

  private unary<Response>(name: string, request: object): Promise<Response> {
    const method = maintenance[name] as ServiceDefinition[string];
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize as (bytes: Buffer) => Response,
        request,
        NO_METADATA,
        { deadline: Date.now() + 2_000 },
        (error, response) => (error ? reject(error) : resolve(response as Response)),
      );
    });
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function encodePut({ key, value }: KeyValue): Buffer {
  return new MessageWriter(32 + key.length + value.length).text(1, key).data(2, value).finish();
}

function encodeTxn(pairs: readonly KeyValue[]): Buffer {
  let size = 16;
  for (const { key, value } of pairs) size += 48 + key.length + value.length;
  const writer = new MessageWriter(size);
  for (const { key, value } of pairs) {
    writer.nested(2, (operation) => operation.nested(2, (put) => put.text(1, key).data(2, value)));
  }
  return writer.finish();
}

function encodeRange({ key, rangeEnd, limit = 0, serializable = false }: Range): Buffer {
  const writer = new MessageWriter(32 + key.length).data(1, key);
  if (rangeEnd) writer.data(2, rangeEnd);
  if (limit > 0) writer.uint(3, limit);
  return writer.bool(7, serializable).finish();
}

/** Keys and values, without their revisions. */
function decodeRange(bytes: Buffer): KeyValue[] {
  const reader = new FieldReader(bytes);
  const pairs: KeyValue[] = [];
  while (reader.next()) if (reader.field === 2) pairs.push(decodePair(bytes.subarray(reader.start, reader.stop)));
  return pairs;
}

function decodePair(bytes: Buffer): KeyValue {
  const reader = new FieldReader(bytes);
  let key = '';
  let value: Uint8Array = bytes;
  while (reader.next()) {
    if (reader.field === 1) key = bytes.toString('latin1', reader.start, reader.stop);
    if (reader.field === 5) value = bytes.subarray(reader.start, reader.stop);
  }
  return { key, value };
}

function succeededPut(bytes: Buffer): boolean {
  return bytes.length > 0;
}

/** Reads `succeeded` and skips the hundred answers behind it. */
function succeededTxn(bytes: Buffer): boolean {
  const reader = new FieldReader(bytes);
  while (reader.next()) if (reader.field === 2 && reader.wireType === WireType.varint) return reader.value === 1;
  return false;
}

/** Compares the messages written by hand with what the .proto says; throws where they differ. */
export function checkEncoding(): void {
  const pairs = [
    { key: 'a', value: Buffer.from('1') },
    { key: 'b', value: Buffer.alloc(300, 2) },
  ];
  const operations = pairs.map(({ key, value }) => ({ requestPut: { key: Buffer.from(key), value } }));
  const same = (name: string, request: object, bytes: Buffer) => {
    const expected = (kv[name] as ServiceDefinition[string]).requestSerialize(request);
    if (!expected.equals(bytes)) throw new Error(`etcd's ${name} is encoded wrongly: ${bytes.toString('hex')}`);
  };
  same('Put', { key: Buffer.from('b'), value: pairs[1]?.value }, encodePut(pairs[1] as KeyValue));
  const range = { key: Buffer.from('a'), rangeEnd: Buffer.of(0), limit: 7, serializable: true };
  same('Range', range, encodeRange(range));
  same('Txn', { success: operations }, encodeTxn(pairs));
}
