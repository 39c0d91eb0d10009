import { toHex } from '../base/bytes.ts';
import { decodeAppendRequest, encodeAppendRequest } from '../proto/append-request.ts';
import { type EmissionOrigin, emissionsRefusal, encodeEmissions, uuidFrom, withCursor } from './emission.ts';
import type { SourceBatch } from './event-source.ts';
import type { Emission, Fault } from './program.ts';
import type { RunnerRange } from './runner.ts';

/** Where emissions come from. */
export interface EmissionsSource {
  readonly projection: string;
  readonly producer: string;
  readonly batch: SourceBatch;
}

/** What makes rows of emissions. */
export interface OutboxContext extends EmissionsSource {
  /** The last event before at which something was emitted; 0: none. */
  readonly emitted: number;
  readonly range: RunnerRange;
  /** How far the producer has come: what it has passed is in the store already. */
  readonly applied: number;
}

/** Events carry such a tag from cause to effect. */
const CORRELATION = 'correlation:';
/** Of the first emission of a generation that took over: the one before it was another generation's. */
const UNKNOWN = 0xffff_ffff_ffff_ffffn;

const NO_STREAMS: ReadonlySet<string> = new Set();

/**
 * The rows that wait to be appended (rule P2): one for each event at which something was emitted, each naming the one
 * before it, so that none can be left out.
 *
 *     previous emitting event (8, big-endian) ‖ AppendRequest without its cursor
 */
export function outboxRows(
  emissions: readonly Emission[],
  context: OutboxContext,
): { readonly emitted: number; readonly rows: Map<number, Uint8Array> } {
  const { range, applied } = context;
  const rows = new Map<number, Uint8Array>();
  let { emitted } = context;
  for (const { origin, list } of byEvent(emissions, context)) {
    const { position } = origin;
    const segment = range.segments.find(({ after, until }) => position > after && position <= until);
    const previous = segment && (emitted > segment.after || segment.after === 0) ? BigInt(emitted) : UNKNOWN;
    emitted = position;
    if (!segment || position <= applied) continue;
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(previous);
    rows.set(position, Buffer.concat([head, encodeEmissions(list, origin)]));
  }
  return { emitted, rows };
}

/** The first event at which something is emitted that can never be appended: as good as an error thrown there. */
export function firstRefused(emissions: readonly Emission[], source: EmissionsSource): Fault | undefined {
  for (const { origin, list } of byEvent(emissions, source)) {
    const message = emissionsRefusal(list, origin);
    if (message !== undefined) return { message, position: BigInt(origin.position), kind: 'threw' };
  }
  return undefined;
}

/** What was emitted at each event, in the order of the log. */
function byEvent(
  emissions: readonly Emission[],
  { projection, producer, batch }: EmissionsSource,
): { readonly origin: EmissionOrigin; readonly list: readonly Emission[] }[] {
  if (emissions.length === 0) return [];
  const byPosition = new Map<number, Emission[]>();
  for (const emission of emissions) {
    const position = Number(emission.position);
    const list = byPosition.get(position) ?? [];
    list.push(emission);
    byPosition.set(position, list);
  }
  const tags = new Map(batch.events.map((event) => [Number(event.position), event.tags]));
  return Array.from(byPosition, ([position, list]) => {
    const inherited = tags.get(position)?.filter((tag) => tag.startsWith(CORRELATION)) ?? [];
    return { origin: { projection, producer, position, hops: batch.hops.get(position) ?? 0, tags: inherited }, list };
  });
}

/** What the rows of an outbox go on from. */
export interface RowContext {
  /** How far the producer has come, or will have by the rows that are sent before this one. */
  readonly before: number;
  /** The last event whose row this node left out; 0: none. Only what follows right behind it may pass it. */
  readonly leftOut?: number;
  /** Streams that take no more events: what was emitted to them is left out. */
  readonly without?: ReadonlySet<string>;
}

/** The append that a row becomes; undefined: nothing is left of it. */
export function appendOfRow(
  producer: string,
  position: number,
  row: Uint8Array,
  { before, leftOut = 0, without = NO_STREAMS }: RowContext,
): Buffer | undefined {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.length);
  const append = withoutStreams(bytes.subarray(8), without);
  if (!append) return undefined;
  const previous = bytes.readBigUInt64BE(0);
  const follows = previous === UNKNOWN || (leftOut > 0 && Number(previous) === leftOut);
  return withCursor(append, { producer, previous: follows ? before : Number(previous), current: position });
}

/**
 * An append without what it writes to some streams; undefined: nothing is left. It gets an id of its own, as an id stands
 * for one content; that each row is appended once is the cursor's to see to.
 */
function withoutStreams(append: Buffer, streams: ReadonlySet<string>): Buffer | undefined {
  if (streams.size === 0) return append;
  const { appendId, writes } = decodeAppendRequest(append);
  const kept = writes.filter(({ stream }) => !streams.has(stream));
  if (kept.length === writes.length) return append;
  if (kept.length === 0) return undefined;
  return encodeAppendRequest({
    appendId: uuidFrom(JSON.stringify([toHex(appendId), ...kept.map(({ stream }) => stream)])),
    writes: kept.map(({ stream, events }) => ({ stream, expect: { kind: 'any' }, events })),
  });
}
