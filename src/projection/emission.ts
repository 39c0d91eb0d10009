import { createHash } from 'node:crypto';
import { decodeUtf8, uuidOfDigest } from '../base/bytes.ts';
import type { ProducerCursor } from '../model/append.ts';
import { checkNewEvent } from '../model/event.ts';
import { LIMITS } from '../model/limits.ts';
import { LINK_CONTENT_TYPE, linkText } from '../model/link.ts';
import { checkStreamName, isSystemName } from '../model/stream.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import { encodeNewEvent } from '../proto/event.ts';
import type { Emission } from './program.ts';

/** An emitted event that has come through more projections than this goes round in circles (rule P6). */
const HOPS_MAX = 16;

/** What emitted events say of their origin, in their metadata. */
const HOPS = '$hops';

/** How many projections an event of a projection has come through; at least this one. */
export function hopsIn(metadata: Uint8Array): number {
  const hops = objectIn(metadata)[HOPS];
  return typeof hops === 'number' && Number.isSafeInteger(hops) && hops > 0 ? hops : 1;
}

/** Where emissions come from. */
export interface EmissionOrigin {
  readonly projection: string;
  readonly producer: string;
  /** The event at which they were emitted. */
  readonly position: number;
  /** How many projections that event has come through. */
  readonly hops: number;
  /** The tags that emitted events take over from it. */
  readonly tags: readonly string[];
}

/**
 * Why what was emitted at one event can never be appended, whoever tries; undefined: it can. It is a function of the log
 * alone: the limits are those of the format, as projections are not bound by what a node's configuration lowers.
 */
export function emissionsRefusal(emissions: readonly Emission[], origin: EmissionOrigin): string | undefined {
  if (origin.hops + 1 > HOPS_MAX) {
    return `the event it handles has come through ${origin.hops} projections: they feed one another in a circle`;
  }
  for (const emission of emissions) {
    const refusal = nameRefusal(emission);
    if (refusal !== undefined) return refusal;
  }
  const { eventsPerAppendMax, streamsPerAppendMax, appendBytesMax } = LIMITS;
  const writes = writesOf(emissions, origin);
  const events = writes.flatMap((write) => write.events);
  const bytes = events.reduce((sum, event) => sum + event.length, 0);
  const at = 'at one event, which become one append, of which';
  if (events.length > eventsPerAppendMax) {
    return `emits ${events.length} events ${at} ${eventsPerAppendMax} events are the limit`;
  }
  if (writes.length > streamsPerAppendMax) {
    return `emits to ${writes.length} streams ${at} ${streamsPerAppendMax} streams are the limit`;
  }
  if (bytes > appendBytesMax) return `emits ${bytes} bytes ${at} ${appendBytesMax} bytes are the limit`;
  for (const event of events) {
    try {
      checkNewEvent('event', event);
    } catch (error) {
      return `emits an event that cannot be: ${(error as Error).message}`;
    }
  }
  return undefined;
}

function nameRefusal({ stream, type, kind }: Emission): string | undefined {
  if (isSystemName(stream)) return `emits to ${JSON.stringify(stream)}: streams that begin with "$" are the system's`;
  if (kind === 'emit' && isSystemName(type)) {
    return `emits a ${JSON.stringify(type)}: types that begin with "$" are the system's`;
  }
  try {
    checkStreamName('stream', stream);
    return undefined;
  } catch (error) {
    return `emits to a stream that cannot be: ${(error as Error).message}`;
  }
}

/**
 * What was emitted at one event, as the append that it becomes (rule P2), still without its producer cursor. Every node
 * makes the same bytes and ids of it, so whichever of them sends it, and how often, it is appended once.
 */
export function encodeEmissions(emissions: readonly Emission[], origin: EmissionOrigin): Buffer {
  return encodeAppendRequest({ appendId: idOf(origin, 'append'), writes: writesOf(emissions, origin) });
}

/** One write for each stream. */
function writesOf(emissions: readonly Emission[], origin: EmissionOrigin) {
  const byStream = new Map<string, Buffer[]>();
  for (const emission of emissions) {
    const events = byStream.get(emission.stream) ?? [];
    events.push(encodeEmission(emission, origin));
    byStream.set(emission.stream, events);
  }
  return Array.from(byStream, ([stream, events]) => ({ stream, expect: { kind: 'any' as const }, events }));
}

/** The rest of the append. In protobuf, concatenation is merge. */
export function withCursor(append: Uint8Array, cursor: ProducerCursor): Buffer {
  return Buffer.concat([append, encodeAppendRequest({ appendId: new Uint8Array(0), writes: [], producer: cursor })]);
}

function encodeEmission(emission: Emission, origin: EmissionOrigin): Buffer {
  const { kind, link, ordinal } = emission;
  const isLink = kind === 'link' && link !== undefined;
  return encodeNewEvent({
    id: idOf(origin, String(ordinal)),
    // The system's types are for its facts; what makes a link one is its content type.
    type: isLink ? 'Link' : emission.type,
    data: isLink ? linkDataOf(link) : emission.data,
    contentType: isLink ? LINK_CONTENT_TYPE : (emission.contentType ?? ''),
    metadata: JSON.stringify({
      ...objectIn(emission.metadata),
      $projection: origin.projection,
      $source: origin.position,
      [HOPS]: origin.hops + 1,
    }),
    tags: [...new Set([...(emission.tags ?? []), ...origin.tags])],
    schemaVersion: 0,
  });
}

function linkDataOf({ stream, revision, position }: NonNullable<Emission['link']>): string {
  const number = (place: bigint | undefined) => (place === undefined ? undefined : Number(place));
  return linkText({ stream, revision: number(revision), position: number(position) });
}

/** A UUID that follows from where it is used. */
function idOf({ producer, position }: EmissionOrigin, what: string): Buffer {
  return uuidFrom(JSON.stringify([producer, position, what]));
}

/** A UUID that follows from a text. */
export function uuidFrom(text: string): Buffer {
  return Buffer.from(uuidOfDigest(createHash('sha256').update(text).digest()));
}

function objectIn(bytes: Uint8Array | undefined): Record<string, unknown> {
  const text = bytes && decodeUtf8(bytes);
  if (!text) return {};
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
