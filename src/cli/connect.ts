import type { FactstoreClient } from '../client/client.ts';
import type { RecordedEvent } from '../client/event-types.ts';
import type { EventRead } from '../client/read.ts';
import type {
  AppendOptions,
  EventToAppend,
  ReadOptions,
  ScavengeOptions,
  Store,
  StoredEvent,
  SubscribeOptions,
  SubscriptionMessage,
  Target,
  WriteToAppend,
} from './store.ts';

/** Connects through the SDK, which is only loaded by commands that need it. */
export async function connectStore(url: string): Promise<Store> {
  const { connect } = await import('../client/connect.ts');
  return new ClientStore(await connect(url));
}

/** The SDK as the commands see it: payloads stay bytes. */
class ClientStore implements Store {
  readonly streams: Store['streams'];
  readonly projections: Store['projections'];
  readonly membership: Store['membership'];
  private readonly client: FactstoreClient;

  constructor(client: FactstoreClient) {
    this.client = client;
    this.streams = client.streams;
    this.projections = client.projections;
    this.membership = client.cluster;
  }

  append(writes: readonly WriteToAppend[], options: AppendOptions) {
    return this.client.append(
      writes.map(({ stream, expect, events }) => ({ stream, expect, events: events.map(withContentType) })),
      options,
    );
  }

  async *read(target: Target, { fromRevision, fromTimeUs, ...options }: ReadOptions): AsyncGenerator<StoredEvent> {
    const place = { ...options, fromTime: fromTimeUs };
    const read: EventRead<{ type: string }> =
      'stream' in target
        ? this.client.read(target.stream, { ...place, from: fromRevision })
        : 'query' in target
          ? this.client.query(target.query, { ...place, fromRevision })
          : this.client.readAll({ ...place, userEvents: target.userEvents });
    for await (const batch of read.batches()) for (const event of batch) yield toStored(event);
  }

  async *subscribe(target: Target, options: SubscribeOptions): AsyncGenerator<SubscriptionMessage> {
    for await (const message of this.client.subscribe({ ...target, ...options })) {
      yield message.kind === 'event' ? { kind: 'event', event: toStored(message.event) } : message;
    }
  }

  head(signal?: AbortSignal) {
    return this.client.head({ signal });
  }

  producer(name: string, signal?: AbortSignal) {
    return this.client.producer(name, { signal });
  }

  stream(name: string, consistency: ReadOptions['consistency'], signal?: AbortSignal) {
    return this.client.streams.get(name, { consistency, signal });
  }

  status(signal?: AbortSignal) {
    return this.client.cluster.status({ signal });
  }

  transfer(to: string | undefined, signal?: AbortSignal) {
    return this.client.cluster.transferLeadership(to, { signal });
  }

  raiseLevel(level: number | undefined, signal?: AbortSignal) {
    return this.client.cluster.raiseFeatureLevel(level, { signal });
  }

  startScavenge(options: ScavengeOptions) {
    return this.client.admin.startScavenge(options);
  }

  stopScavenge(options: ScavengeOptions) {
    return this.client.admin.stopScavenge(options);
  }

  scavengeStatus(signal?: AbortSignal) {
    return this.client.admin.scavengeStatus({ signal });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** The SDK takes bytes for something other than JSON unless it is told. */
function withContentType(event: EventToAppend): EventToAppend {
  return { ...event, contentType: event.contentType ?? 'application/json' };
}

function toStored(event: RecordedEvent): StoredEvent {
  return {
    stream: event.stream,
    revision: event.revision,
    position: event.position,
    id: event.id,
    type: event.type,
    data: event.dataBytes,
    contentType: event.contentType,
    metadata: event.metadataBytes,
    tags: event.tags,
    schemaVersion: event.schemaVersion,
    createdUs: event.createdUs,
    appendId: event.appendId,
    ...(event.linked && { linked: event.linked.event ? toStored(event.linked.event) : event.linked.dead }),
  };
}
