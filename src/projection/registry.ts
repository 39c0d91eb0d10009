import { decodeUtf8 } from '../base/bytes.ts';
import { scanRecordedEvent } from '../model/event.ts';
import {
  changeOfFact,
  noProjection,
  PROJECTION_STREAMS,
  type Projection,
  projectionAfter,
  projectionOfStream,
  streamOfProjection,
} from '../model/projection.ts';
import { decodeRecordedEvent } from '../proto/event.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';

const NO_NAMES = { types: [], tags: [], categories: [], streams: [], streamPrefixes: [] };
const OWN_STREAMS = { items: [{ ...NO_NAMES, streamPrefixes: [PROJECTION_STREAMS] }] };

/**
 * The projections of the cluster, as far as this node has applied the log: facts are folded one after another, each at its
 * own place, so every node knows the same at the same position.
 */
export class ProjectionRegistry {
  private readonly byName = new Map<string, Projection>();
  private readonly listeners = new Set<(projection: Projection) => void>();

  /** Takes what the index had applied before this node started. Hidden facts count: they are never taken back. */
  async load(view: IndexView, reader: EventReader): Promise<void> {
    await this.fill(reader.readQuery(view, OWN_STREAMS, { hidden: true }));
  }

  /** A projection as it was right behind its fact of this revision; read from the log, as later facts change what is known. */
  static async asOf(
    view: IndexView,
    reader: EventReader,
    name: string,
    revision: number,
  ): Promise<Projection | undefined> {
    const then = new ProjectionRegistry();
    const facts = { items: [{ ...NO_NAMES, streams: [streamOfProjection(name)] }] };
    await then.fill(reader.readQuery(view, facts, { hidden: true, limit: revision + 1 }));
    return then.find(name);
  }

  private async fill(batches: ReturnType<EventReader['readQuery']>): Promise<void> {
    for await (const { events } of batches) {
      for (const { bytes } of events) this.applied(bytes);
    }
  }

  /** An event of a system stream was applied. One that says nothing of a projection is passed over. */
  applied(event: Uint8Array): void {
    const stream = scanRecordedEvent(event)?.stream;
    const name = stream === undefined ? undefined : projectionOfStream(stream);
    if (name === undefined) return;
    const { type, data, revision, position } = decodeRecordedEvent(event);
    const prior = this.byName.get(name);
    // The index applies an entry that straddles two blocks a second time when it is opened again.
    if (prior && revision < prior.facts) return;
    const change = changeOfFact(type, decodeUtf8(data) ?? '');
    const projection = projectionAfter(prior, name, change, { revision, position });
    if (!projection) return;
    this.byName.set(name, projection);
    for (const listener of this.listeners) listener(projection);
  }

  /** The projection of this name, a deleted one included. */
  find(name: string): Projection | undefined {
    return this.byName.get(name);
  }

  /** Ends in NOT_FOUND where there is none. */
  get(name: string): Projection {
    const projection = this.byName.get(name);
    if (!projection || projection.deleted) throw noProjection(name);
    return projection;
  }

  /** Those there are, by name. */
  list(): Projection[] {
    return [...this.byName.values()].filter(({ deleted }) => !deleted).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Calls back with each projection that a fact has changed, until `stop` is called. */
  watch(changed: (projection: Projection) => void): { stop(): void } {
    this.listeners.add(changed);
    return { stop: () => this.listeners.delete(changed) };
  }
}
