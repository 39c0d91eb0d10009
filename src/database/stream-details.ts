import { FactstoreError } from '../base/errors.ts';
import type { StreamMetadata } from '../model/retention.ts';
import { decodeMetadata } from '../model/retention-fact.ts';
import { countRevisions } from '../model/revision-ranges.ts';
import { type StreamState, systemStreamOf } from '../model/stream.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { Visibility } from '../storage/index/visibility.ts';

/** What is known of one stream. */
export interface StreamDetails {
  readonly stream: string;
  readonly state: StreamState;
  readonly headRevision: number;
  readonly firstRevision: number;
  readonly count: number;
  readonly createdUs: number;
  readonly lastAppendedUs: number;
  readonly lastPosition: number;
  readonly head: number;
  /** Undefined where none was ever set. */
  readonly metadata: StreamMetadata | undefined;
  /** The head revision of `$$stream`; undefined where nothing was ever said about the stream. */
  readonly metadataRevision: number | undefined;
}

/** Ends in NOT_FOUND where no event was ever written, and nothing said about the stream. */
export async function streamDetails(view: IndexView, reader: EventReader, stream: string): Promise<StreamDetails> {
  const found = await view.streamHead(stream);
  const facts = found.retention && (await view.streamHead(systemStreamOf(stream)));
  if (found.state === 'none' && !facts) {
    throw new FactstoreError('NOT_FOUND', `no event was ever written to stream ${JSON.stringify(stream)}`, { stream });
  }
  const { first: firstRevision, erased } = await new Visibility(view).of(stream);
  return {
    stream,
    state: found.state,
    headRevision: Math.max(found.revision, 0),
    firstRevision,
    count: found.revision + 1 - firstRevision - countRevisions(erased, firstRevision),
    createdUs: found.createdUs,
    lastAppendedUs: found.lastAppendedUs,
    lastPosition: found.lastPosition,
    head: view.head,
    metadata: await metadataAt(view, reader, stream, found.retention?.metadataRevision ?? -1),
    metadataRevision: facts?.revision,
  };
}

async function metadataAt(
  view: IndexView,
  reader: EventReader,
  stream: string,
  revision: number,
): Promise<StreamMetadata | undefined> {
  if (revision < 0) return undefined;
  for await (const { events } of reader.readStream(view, systemStreamOf(stream), { from: revision, limit: 1 })) {
    const [event] = events;
    if (event) return decodeMetadata(event.bytes);
  }
  return undefined;
}
