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
  readonly header: { readonly memberId: string };
  readonly version: string;
  readonly leader: string;
}

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

  close(): void {
    this.client.close();
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
  same('Txn', { success: operations }, encodeTxn(pairs));
}
