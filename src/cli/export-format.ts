import { createHash } from 'node:crypto';
import { base64, payloadMember, rawJson, saysJson } from './event-output.ts';
import type { StoredEvent } from './store.ts';
import { uuidTextOfDigest } from './uuid.ts';

/**
 * Puts the events of one append back together: neighbours with the same append id. Where the answer carries no append
 * ids, each event is an append of its own: order and content are kept, what was atomic together is not.
 */
export async function* groupIntoAppends(events: AsyncIterable<StoredEvent>): AsyncGenerator<readonly StoredEvent[]> {
  let group: StoredEvent[] = [];
  for await (const event of events) {
    const [first] = group;
    if (first && (first.appendId === undefined || first.appendId !== event.appendId)) {
      yield group;
      group = [];
    }
    group.push(event);
  }
  if (group.length > 0) yield group;
}

/**
 * One append as a line of the import format. `ofStream` is the stream that alone is exported: then the line may hold
 * only a part of an append, and has an id of its own, so that the export of another stream is no repeat of this one.
 */
export function exportLine(events: readonly StoredEvent[], ofStream?: string): string {
  const writes: string[] = [];
  let stream: string | undefined;
  let texts: string[] = [];
  const finish = () => {
    if (stream !== undefined) writes.push(`{"stream":${JSON.stringify(stream)},"events":[${texts.join(',')}]}`);
  };
  for (const event of events) {
    if (event.stream !== stream) {
      finish();
      stream = event.stream;
      texts = [];
    }
    texts.push(eventText(event));
  }
  finish();
  return `{"appendId":"${exportedAppendId(events, ofStream)}","writes":[${writes.join(',')}]}`;
}

function exportedAppendId(events: readonly StoredEvent[], ofStream: string | undefined): string {
  const [first] = events;
  if (first?.appendId !== undefined && ofStream === undefined) return first.appendId;
  // Of nothing but what an import keeps, so that the export of an imported export is the same again.
  const hash = createHash('sha256').update(ofStream ?? '');
  for (const event of events) hash.update(`\n${event.id} ${event.revision} ${event.stream}`);
  return uuidTextOfDigest(hash.digest());
}

/** An event with everything that its author wrote, and nothing that the store added. */
function eventText(event: StoredEvent): string {
  const version = event.schemaVersion > 1 ? `,"schemaVersion":${event.schemaVersion}` : '';
  const contentType = event.contentType === '' || event.contentType === 'application/json' ? '' : event.contentType;
  return (
    `{"id":"${event.id}","type":${JSON.stringify(event.type)}` +
    exactMember('data', event.data, saysJson(event.contentType)) +
    exactMember('metadata', event.metadata, true) +
    (event.tags.length > 0 ? `,"tags":${JSON.stringify(event.tags)}` : '') +
    (contentType === '' ? '' : `,"contentType":${JSON.stringify(contentType)}`) +
    `${version}}`
  );
}

/** As payloadMember, but byte for byte what was stored: JSON with line ends or space around it goes as base64. */
function exactMember(name: 'data' | 'metadata', bytes: Uint8Array, json: boolean): string {
  const raw = json && bytes.length > 0 ? rawJson(bytes) : undefined;
  const exact = raw !== undefined && raw.trim() === raw && Buffer.compare(Buffer.from(raw), bytes) === 0;
  return exact || bytes.length === 0 ? payloadMember(name, bytes, json) : `,"${name}Base64":"${base64(bytes)}"`;
}
