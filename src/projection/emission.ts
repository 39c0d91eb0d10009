import { createHash } from 'node:crypto';
import { decodeUtf8 } from '../base/bytes.ts';
import type { ProducerCursor } from '../model/append.ts';
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

/** Why an emission cannot be appended, whoever tries; undefined: it can. It is a function of the log alone. */
export function emissionRefusal({ stream, type, kind }: Emission, hops: number): string | undefined {
  if (isSystemName(stream)) return `emits to ${JSON.stringify(stream)}: streams that begin with "$" are the system's`;
  if (kind === 'emit' && isSystemName(type)) {
    return `emits a ${JSON.stringify(type)}: types that begin with "$" are the system's`;
  }
  if (hops + 1 > HOPS_MAX) {
    return `the event it handles has come through ${hops} projections: they feed one another in a circle`;
  }
  try {
    checkStreamName('stream', stream);
    if (type.length === 0 || type.length > 256) return `emits an event whose type has ${type.length} characters`;
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
  const byStream = new Map<string, Buffer[]>();
  for (const emission of emissions) {
    const events = byStream.get(emission.stream) ?? [];
    events.push(encodeEmission(emission, origin));
    byStream.set(emission.stream, events);
  }
  const writes = Array.from(byStream, ([stream, events]) => ({ stream, expect: { kind: 'any' as const }, events }));
  return encodeAppendRequest({ appendId: idOf(origin, 'append'), writes });
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
  const id = createHash('sha256')
    .update(JSON.stringify([producer, position, what]))
    .digest()
    .subarray(0, 16);
  id[6] = ((id[6] as number) & 0x0f) | 0x80;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return id;
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
