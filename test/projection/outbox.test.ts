import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/model/limits.ts';
import { LINK_CONTENT_TYPE } from '../../src/model/link.ts';
import { hopsIn } from '../../src/projection/emission.ts';
import { appendOfRow, firstRefused, outboxRows } from '../../src/projection/outbox.ts';
import type { Emission, ProgramEvent } from '../../src/projection/program.ts';
import { decodeAppendRequest } from '../../src/proto/append-request.ts';
import { decodeRecordedEvent } from '../../src/proto/event.ts';

const PRODUCER = 'projection:p';
const ALL = { generation: 0, after: 0, until: Number.POSITIVE_INFINITY };

function emission(position: number, ordinal = 0, more: Partial<Emission> = {}): Emission {
  const data = Buffer.from('{"a":1}');
  return { position: BigInt(position), ordinal, kind: 'emit', stream: 's', type: 'T', data, ...more };
}

function rows(
  emissions: readonly Emission[],
  more: Partial<{
    emitted: number;
    applied: number;
    segments: readonly (typeof ALL)[];
    hops: Map<number, number>;
  }> = {},
) {
  const { emitted = 0, applied = 0, segments = [ALL], hops = new Map<number, number>() } = more;
  const range = { until: Number.POSITIVE_INFINITY, segments };
  const batch = { events: [], lookedTo: 100, hops };
  return outboxRows(emissions, { projection: 'p', producer: PRODUCER, emitted, applied, range, batch });
}

function cursors(made: ReturnType<typeof rows>, current = 0) {
  return Array.from(made.rows, ([position, row]) => {
    const { producer } = decodeAppendRequest(appendOfRow(PRODUCER, position, row, { before: current })!);
    return [producer?.previous, producer?.current];
  });
}

describe('the outbox', () => {
  test('P2: each row names the event before it at which something was emitted, so that none can be left out', () => {
    const made = rows([emission(3), emission(3, 1), emission(7), emission(9)]);
    expect(made.emitted).toBe(9);
    expect(cursors(made, 3)).toEqual([
      [0, 3],
      [3, 7],
      [7, 9],
    ]);
    expect(cursors(rows([emission(12)], { emitted: 9 }), 7)).toEqual([[9, 12]]);
  });

  test('P2: what the cursor has passed is not kept, but named by what comes behind it', () => {
    expect(cursors(rows([emission(3), emission(7)], { applied: 5 }), 5)).toEqual([[3, 7]]);
  });

  test('P2: a generation emits in its segments alone; the first row there goes on where the cursor is', () => {
    const segments = [
      { generation: 0, after: 0, until: 4 },
      { generation: 0, after: 8, until: Number.POSITIVE_INFINITY },
    ];
    const made = rows(
      [3, 4, 5, 8, 9, 10].map((position) => emission(position)),
      { segments },
    );
    expect(cursors(made, 6)).toEqual([
      [0, 3],
      [3, 4],
      [6, 9],
      [9, 10],
    ]);
    expect(rows([emission(5)], { segments: [] }).rows.size).toBe(0);
  });

  test('P2: the same emissions make the same bytes on every node, and one write for each stream', () => {
    const all = [emission(3), emission(3, 1, { stream: 'other' }), emission(3, 2)];
    const [first, second] = [rows(all), rows(all)].map(({ rows }) => rows.get(3));
    expect(first).toEqual(second);
    const { writes, appendId } = decodeAppendRequest(appendOfRow(PRODUCER, 3, first!, { before: 0 })!);
    expect(writes.map(({ stream, events }) => [stream, events.length])).toEqual([
      ['s', 2],
      ['other', 1],
    ]);
    const ids = writes.flatMap(({ events }) => events.map((event) => Buffer.from(decodeRecordedEvent(event).id)));
    expect(new Set([appendId, ...ids].map((id) => Buffer.from(id).toString('hex'))).size).toBe(4);
  });

  test('P2: what follows an event that was left out goes on where the cursor is, and nothing else may pass it', () => {
    const made = rows([emission(3), emission(7), emission(9)]);
    const previous = (position: number, leftOut: number) =>
      decodeAppendRequest(appendOfRow(PRODUCER, position, made.rows.get(position)!, { before: 1, leftOut })!).producer
        ?.previous;
    expect([previous(7, 3), previous(9, 3), previous(3, 0)]).toEqual([1, 7, 0]);
  });

  test('P2: what is emitted to a stream that takes no more events is left out, with an id for what is left', () => {
    const made = rows([emission(3), emission(3, 1, { stream: 'other' })]);
    const sent = (...streams: string[]) => {
      const append = appendOfRow(PRODUCER, 3, made.rows.get(3)!, { before: 0, without: new Set(streams) });
      return append && decodeAppendRequest(append);
    };
    const [whole, part] = [sent('unrelated')!, sent('s')!];
    expect(whole).toEqual(sent());
    expect(part.writes).toEqual(whole.writes.filter(({ stream }) => stream === 'other'));
    expect(part.producer).toEqual(whole.producer);
    expect(part.appendId).toHaveLength(16);
    expect(part.appendId).not.toEqual(whole.appendId);
    expect(sent('s', 'other')).toBeUndefined();
  });

  test('P2: what can never be appended is found at its event, by the same limits on every node', () => {
    const refusal = (...emissions: Emission[]) => {
      const event = { position: 3n, tags: ['correlation:one', 'own'] } as unknown as ProgramEvent;
      const batch = { events: [event], lookedTo: 9, hops: new Map() };
      return firstRefused(emissions, { projection: 'p', producer: PRODUCER, batch });
    };
    const tags = Array.from({ length: 64 }, (_, n) => `t:${n}`);
    const large = { data: Buffer.alloc(9 << 20) };
    expect(refusal(emission(3, 0, { tags: tags.slice(1) }))).toBeUndefined();
    expect(refusal(emission(3, 0, { tags }))).toMatchObject({ kind: 'threw', position: 3n });
    expect(refusal(emission(2), emission(3, 0, large))).toBeUndefined();
    expect(refusal(emission(2), emission(3, 0, large), emission(3, 1, large))?.message).toMatch('bytes are the limit');
    const metadata = Buffer.from(JSON.stringify({ note: 'x'.repeat(LIMITS.metadataBytesMax - 20) }));
    expect(refusal(emission(3, 0, { metadata }))?.message).toMatch('metadata');
    const many = (count: number) => Array.from({ length: count }, (_, n) => emission(3, n, { stream: `s-${n}` }));
    expect(refusal(...many(LIMITS.streamsPerAppendMax))).toBeUndefined();
    expect(refusal(...many(LIMITS.streamsPerAppendMax + 1))?.message).toMatch('streams are the limit');
  });

  test('P6: emitted events say where they come from, and how many projections they have come through', () => {
    const metadata = Buffer.from('{"by":"me"}');
    const made = rows([emission(3, 0, { metadata })], { hops: new Map([[3, 4]]) });
    const { writes } = decodeAppendRequest(appendOfRow(PRODUCER, 3, made.rows.get(3)!, { before: 0 })!);
    const event = decodeRecordedEvent(writes[0]!.events[0]!);
    expect(JSON.parse(Buffer.from(event.metadata).toString())).toEqual({
      by: 'me',
      $projection: 'p',
      $source: 3,
      $hops: 5,
    });
    expect(hopsIn(event.metadata)).toBe(5);
  });

  test('a link is an event of its own content type that names a place', () => {
    const link = { stream: 'a', revision: 2n, position: 1n };
    const made = rows([emission(3, 0, { kind: 'link', type: '$>', data: Buffer.from('2@a'), link })]);
    const { writes } = decodeAppendRequest(appendOfRow(PRODUCER, 3, made.rows.get(3)!, { before: 0 })!);
    const event = decodeRecordedEvent(writes[0]!.events[0]!);
    expect(event).toMatchObject({ type: 'Link', contentType: LINK_CONTENT_TYPE });
    expect(JSON.parse(Buffer.from(event.data).toString())).toEqual({ stream: 'a', revision: 2, position: 1 });
  });
});
