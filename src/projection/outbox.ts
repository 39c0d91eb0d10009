import { encodeEmissions, withCursor } from './emission.ts';
import type { SourceBatch } from './event-source.ts';
import type { Emission } from './program.ts';
import type { RunnerRange } from './runner.ts';

/** What makes rows of emissions. */
export interface OutboxContext {
  readonly projection: string;
  readonly producer: string;
  /** The last event before at which something was emitted; 0: none. */
  readonly emitted: number;
  readonly range: RunnerRange;
  /** How far the producer has come: what it has passed is in the store already. */
  readonly applied: number;
  readonly batch: SourceBatch;
}

/** Events carry such a tag from cause to effect. */
const CORRELATION = 'correlation:';
/** Of the first emission of a generation that took over: the one before it was another generation's. */
const UNKNOWN = 0xffff_ffff_ffff_ffffn;

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
  const { range, applied, batch, projection, producer } = context;
  const byPosition = new Map<number, Emission[]>();
  for (const emission of emissions) {
    const position = Number(emission.position);
    const list = byPosition.get(position) ?? [];
    list.push(emission);
    byPosition.set(position, list);
  }
  const tags = new Map(batch.events.map((event) => [Number(event.position), event.tags]));
  const rows = new Map<number, Uint8Array>();
  let { emitted } = context;
  for (const [position, list] of byPosition) {
    const segment = range.segments.find(({ after, until }) => position > after && position <= until);
    const previous = segment && (emitted > segment.after || segment.after === 0) ? BigInt(emitted) : UNKNOWN;
    emitted = position;
    if (!segment || position <= applied) continue;
    const row = encodeEmissions(list, {
      projection,
      producer,
      position,
      hops: batch.hops.get(position) ?? 0,
      tags: tags.get(position)?.filter((tag) => tag.startsWith(CORRELATION)) ?? [],
    });
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(previous);
    rows.set(position, Buffer.concat([head, row]));
  }
  return { emitted, rows };
}

/** The append that a row becomes. `current` is how far the producer has come, where the row does not know it. */
export function appendOfRow(producer: string, position: number, row: Uint8Array, current: number): Buffer {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.length);
  const previous = bytes.readBigUInt64BE(0);
  return withCursor(bytes.subarray(8), {
    producer,
    previous: previous === UNKNOWN ? current : Number(previous),
    current: position,
  });
}
