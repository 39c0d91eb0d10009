import { describe, expect, test } from 'vitest';
import { LINK_CONTENT_TYPE } from '../../src/model/link.ts';
import { hopsIn } from '../../src/projection/emission.ts';
import { appendOfRow, outboxRows } from '../../src/projection/outbox.ts';
import type { Emission } from '../../src/projection/program.ts';
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
    const { producer } = decodeAppendRequest(appendOfRow(PRODUCER, position, row, current));
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
    const { writes, appendId } = decodeAppendRequest(appendOfRow(PRODUCER, 3, first!, 0));
    expect(writes.map(({ stream, events }) => [stream, events.length])).toEqual([
      ['s', 2],
      ['other', 1],
    ]);
    const ids = writes.flatMap(({ events }) => events.map((event) => Buffer.from(decodeRecordedEvent(event).id)));
    expect(new Set([appendId, ...ids].map((id) => Buffer.from(id).toString('hex'))).size).toBe(4);
  });

  test('P6: emitted events say where they come from, and how many projections they have come through', () => {
    const metadata = Buffer.from('{"by":"me"}');
    const made = rows([emission(3, 0, { metadata })], { hops: new Map([[3, 4]]) });
    const { writes } = decodeAppendRequest(appendOfRow(PRODUCER, 3, made.rows.get(3)!, 0));
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
    const { writes } = decodeAppendRequest(appendOfRow(PRODUCER, 3, made.rows.get(3)!, 0));
    const event = decodeRecordedEvent(writes[0]!.events[0]!);
    expect(event).toMatchObject({ type: 'Link', contentType: LINK_CONTENT_TYPE });
    expect(JSON.parse(Buffer.from(event.data).toString())).toEqual({ stream: 'a', revision: 2, position: 1 });
  });
});
