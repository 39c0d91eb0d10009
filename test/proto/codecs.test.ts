import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import type { Expectation } from '../../src/model/append.ts';
import type { StreamState } from '../../src/model/stream.ts';
import { decodeAppendRequest, encodeAppendRequest, encodeAttemptAge } from '../../src/proto/append-request.ts';
import { type AppendOutcome, decodeAppendResponse, encodeAppendResponse } from '../../src/proto/append-response.ts';
import {
  appendMessage,
  decodeAppendStreamRequest,
  decodeAppendStreamResponse,
  encodeAppendStreamRequest,
  encodeAppendStreamResponse,
} from '../../src/proto/append-stream.ts';
import { decodeRecordedEvent, encodeNewEvent } from '../../src/proto/event.ts';
import * as lookups from '../../src/proto/lookups.ts';
import * as read from '../../src/proto/read.ts';
import * as subscribe from '../../src/proto/subscribe.ts';
import * as any from './arbitraries.ts';
import { plain, reflectedDecode, reflectedEncode } from './arbitraries.ts';

const append = fc.record({
  appendId: any.uuid,
  writes: fc.array(
    fc.record({ stream: any.name, expect: any.expectation, events: fc.array(any.newEvent, { maxLength: 4 }) }),
    { maxLength: 4 },
  ),
  producer: fc.option(fc.record({ producer: any.name, previous: any.place, current: any.place }), { nil: undefined }),
  conditions: fc.array(fc.record({ query: any.query, after: any.place }), { maxLength: 3 }),
  attemptAgeMs: any.place,
  forward: fc.option(fc.boolean(), { nil: undefined }),
});

function writeObject(write: { stream: string; expect: Expectation; events: unknown[] }): object {
  const revision = write.expect.kind === 'revision' ? write.expect.revision : 0;
  return { stream: write.stream, expect: any.expectNumbers[write.expect.kind], revision, events: write.events };
}

/** Whether protobufjs reads the same from both; it writes zeros that the codecs leave out. */
function agree(type: string, ours: Uint8Array, theirs: Uint8Array): void {
  expect(reflectedDecode(`factstore.v1.${type}`, ours)).toEqual(reflectedDecode(`factstore.v1.${type}`, theirs));
}

describe('the codecs written by hand agree with protobufjs', () => {
  test('AppendRequest, both ways, with the events as raw bytes', () => {
    fc.assert(
      fc.property(append, (value) => {
        const writes = value.writes.map((write) => ({ ...write, events: write.events.map(encodeNewEvent) }));
        const ours = encodeAppendRequest({ ...value, writes });
        const conditions = value.conditions.map(({ query, after }) => ({
          failIfEventsMatch: any.queryObject(query),
          after,
        }));
        const object = {
          ...value,
          writes: value.writes.map(writeObject),
          conditions,
          forward: value.forward ?? undefined,
        };
        const theirs = reflectedEncode('factstore.v1.AppendRequest', object);
        agree('AppendRequest', ours, theirs);
        for (const bytes of [ours, theirs]) {
          const back = decodeAppendRequest(bytes);
          expect(plain(back.appendId)).toEqual(value.appendId);
          expect(back.producer).toEqual(value.producer);
          expect(back.conditions).toEqual(value.conditions);
          expect(back.attemptAgeMs).toBe(value.attemptAgeMs);
          expect(back.forward).toBe(value.forward ?? true);
          const asRead = { stream: '', revision: 0, position: 0, createdUs: 0 };
          const events = (write: object) => (write as { events: Uint8Array[] }).events.map(decodeRecordedEvent);
          expect(plain(back.writes.map((write) => ({ ...write, events: events(write) })))).toEqual(
            plain(
              value.writes.map((write) => ({
                ...writeObject(write),
                events: write.events.map((event) => ({ ...event, ...asRead })),
              })),
            ),
          );
          expect(back.raw).toBe(bytes);
        }
      }),
    );
  });

  test('the content of an append is its writes, its producer and its conditions, whatever else changes', () => {
    fc.assert(
      fc.property(append, any.place, (value, age) => {
        const writes = value.writes.map((write) => ({ ...write, events: write.events.map(encodeNewEvent) }));
        const first = encodeAppendRequest({ ...value, writes, attemptAgeMs: 0 });
        const repeat = concatBytes([first, encodeAttemptAge(age)]);
        const [a, b] = [decodeAppendRequest(first), decodeAppendRequest(repeat)];
        expect(b.attemptAgeMs).toBe(age);
        expect(plain(concatBytes(b.content))).toEqual(plain(concatBytes(a.content)));
        const { producer, conditions } = value;
        const alone = encodeAppendRequest({ appendId: new Uint8Array(0), writes, producer, conditions });
        expect(plain(concatBytes(a.content))).toEqual(plain(alone));
      }),
    );
  });

  test('AppendResponse, both ways', () => {
    const appended = fc.record({
      kind: fc.constant('appended' as const),
      firstPosition: any.place,
      position: any.place,
      writes: fc.array(fc.record({ stream: any.name, revision: any.place }), { maxLength: 4 }),
      createdUs: any.place,
      repeated: fc.boolean(),
    });
    const check = fc
      .record({
        stream: any.name,
        expect: any.expectation,
        actual: any.state,
        actualRevision: any.place,
        events: fc.array(any.recordedEvent, { maxLength: 3 }),
        cut: fc.boolean(),
      })
      .map((value) => ({ ...value, actualRevision: value.actual === 'none' ? -1 : value.actualRevision }));
    const conflict = fc.record({
      kind: fc.constant('conflict' as const),
      checks: fc.array(check, { maxLength: 3 }),
      conditions: fc.array(
        fc.record({ index: fc.nat(15), events: fc.array(any.recordedEvent, { maxLength: 3 }), cut: fc.boolean() }),
        { maxLength: 3 },
      ),
      position: any.place,
    });
    fc.assert(
      fc.property(fc.oneof(appended, conflict), (value) => {
        const object = value.kind === 'appended' ? { appended: value } : { conflict: conflictObject(value) };
        const theirs = reflectedEncode('factstore.v1.AppendResponse', object);
        const outcome = value.kind === 'appended' ? value : withRawEvents(value);
        const ours = encodeAppendResponse(outcome as AppendOutcome);
        expect(plain(decodeAppendResponse(theirs))).toEqual(plain(outcome));
        expect(plain(decodeAppendResponse(ours))).toEqual(plain(outcome));
        agree('AppendResponse', ours, theirs);
      }),
    );
  });

  test('the messages of AppendStream, both ways', () => {
    const sequence = any.place.filter((value) => value > 0);
    fc.assert(
      fc.property(sequence, any.place, any.uuid, any.place, (number, total, id, age) => {
        const request = encodeAppendRequest({ appendId: id, writes: [], forward: false });
        const messages = [
          [
            { kind: 'append', sequence: number, append: request } as const,
            { append: { appendId: id, forward: false } },
          ],
          [{ kind: 'begin', sequence: number, totalBytes: total } as const, { begin: { totalBytes: total } }],
          [{ kind: 'chunk', sequence: number, chunk: id } as const, { chunk: id }],
        ] as const;
        for (const [message, object] of messages) {
          const ours = encodeAppendStreamRequest(message);
          const theirs = reflectedEncode('factstore.v1.AppendStreamRequest', { sequence: number, ...object });
          agree('AppendStreamRequest', ours, theirs);
          expect(plain(decodeAppendStreamRequest(theirs))).toEqual(plain(message));
        }
        const aged = decodeAppendStreamRequest(Buffer.concat(appendMessage(number, request, encodeAttemptAge(age))));
        if (aged.kind !== 'append') throw new Error('not an append');
        expect(decodeAppendRequest(aged.append).attemptAgeMs).toBe(age);
        for (const [message, object] of [
          [{ kind: 'answer', sequence: number, answer: id } as const, undefined],
          [{ kind: 'granted', sequence: number } as const, { granted: true }],
        ] as const) {
          const ours = encodeAppendStreamResponse(message);
          expect(plain(decodeAppendStreamResponse(ours))).toEqual(plain(message));
          if (!object) continue;
          const theirs = reflectedEncode('factstore.v1.AppendStreamResponse', { sequence: number, ...object });
          agree('AppendStreamResponse', ours, theirs);
        }
      }),
    );
  });

  test('RecordedEvent, from their bytes and from ours, the fields of NewEvent having the same numbers', () => {
    fc.assert(
      fc.property(any.recordedEvent, (event) => {
        const theirs = reflectedEncode('factstore.v1.RecordedEvent', event);
        expect(plain(decodeRecordedEvent(theirs))).toEqual(plain(event));
        const { stream, revision, position, createdUs, ...authored } = event;
        const places = reflectedEncode('factstore.v1.RecordedEvent', { stream, revision, position, createdUs });
        const merged = concatBytes([encodeNewEvent(authored), places]);
        expect(plain(decodeRecordedEvent(merged))).toEqual(plain(event));
        expect(reflectedDecode('factstore.v1.NewEvent', encodeNewEvent(authored))).toEqual(plain(authored));
      }),
    );
  });
});

describe('the codecs of reads, subscriptions and look-ups agree with protobufjs', () => {
  type Link = Parameters<typeof linkObject>[0];
  const links = fc.array(
    fc.record({
      at: fc.nat(1000),
      target: fc.oneof(any.recordedEvent, fc.constantFrom('hidden', 'neverWritten', 'wholeStream')),
    }),
    { maxLength: 3 },
  );
  const dead = {
    hidden: 'DEAD_LINK_HIDDEN',
    neverWritten: 'DEAD_LINK_NEVER_WRITTEN',
    wholeStream: 'DEAD_LINK_WHOLE_STREAM',
  };
  const linkObject = ({ at, target }: { at: number; target: object | string }) =>
    typeof target === 'string' ? { at, dead: dead[target as keyof typeof dead] } : { at, event: target };
  const shownLink = ({ at, target }: Link) => [
    at,
    typeof target === 'string' ? target : plain(target instanceof Uint8Array ? decodeRecordedEvent(target) : target),
  ];

  const consistency = fc.oneof(
    fc.constantFrom({ kind: 'linearizable' as const }, { kind: 'local' as const }),
    fc.record({ kind: fc.constant('atLeast' as const), position: any.place }),
  );
  const target = fc.oneof(
    fc.constant({ kind: 'all' as const }),
    fc.record({ kind: fc.constant('stream' as const), stream: any.name }),
    fc.record({ kind: fc.constant('query' as const), query: any.query }),
  );
  const targetObject = (value: read.Target) => {
    if (value.kind === 'query') return { query: any.queryObject(value.query) };
    return value.kind === 'all' ? { all: true } : { stream: value.stream };
  };
  const consistencyObject = (value: { kind: string; position?: number }) =>
    value.kind === 'atLeast' ? { atLeast: value.position } : { [value.kind]: true };

  test('ReadRequest', () => {
    const start = fc.option(
      fc.oneof(
        fc.record({ kind: fc.constant('revision' as const), revision: any.place }),
        fc.record({ kind: fc.constant('position' as const), position: any.place }),
        fc.record({ kind: fc.constant('time' as const), timeUs: any.place }),
      ),
      { nil: undefined },
    );
    const startObject = (value: read.ReadFrom | undefined) => {
      if (value?.kind === 'revision') return { fromRevision: value.revision };
      if (value?.kind === 'position') return { fromPosition: value.position };
      return value ? { fromTimeUs: value.timeUs } : {};
    };
    const request = fc.record({
      target,
      backwards: fc.boolean(),
      start,
      limit: any.place,
      consistency,
      userEvents: fc.boolean(),
      appendIds: fc.boolean(),
      resolveLinks: fc.boolean(),
    });
    fc.assert(
      fc.property(request, (value) => {
        const { backwards, limit, userEvents, appendIds, resolveLinks } = value;
        const theirs = reflectedEncode('factstore.v1.ReadRequest', {
          ...targetObject(value.target),
          ...startObject(value.start),
          ...{ backwards, limit, userEvents, appendIds, resolveLinks },
          consistency: consistencyObject(value.consistency),
        });
        expect(read.decodeReadRequest(theirs)).toEqual(value);
        agree('ReadRequest', read.encodeReadRequest(value), theirs);
      }),
    );
  });

  test('ReadResponse', () => {
    const start = fc
      .record({
        head: any.place,
        state: fc.option(any.state, { nil: undefined }),
        headRevision: any.place,
        told: fc.oneof(fc.constant({}), fc.record({ clusterId: fc.uuid() })),
      })
      .map(({ head, state, headRevision, told }) =>
        state === undefined
          ? { head, ...told }
          : { head, state, headRevision: state === 'none' ? -1 : headRevision, ...told },
      );
    const response = fc.record({
      start: fc.option(start, { nil: undefined }),
      events: fc.array(any.recordedEvent, { maxLength: 4 }),
      // One run for each event, or one for all of them, or none told.
      runs: fc.constantFrom('none' as const, 'each' as const, 'one' as const),
      appendId: any.uuid,
      links,
    });
    fc.assert(
      fc.property(response, (value) => {
        const { length } = value.events;
        const counts = value.runs === 'each' ? value.events.map(() => 1) : length > 0 ? [length] : [];
        const appends = value.runs === 'none' ? [] : counts.map((events) => ({ appendId: value.appendId, events }));
        const at = value.start as read.ReadStart | undefined;
        const theirs = reflectedEncode('factstore.v1.ReadResponse', {
          start: at && {
            head: at.head,
            state: at.state ? any.stateNumbers[at.state] : 0,
            headRevision: Math.max(at.headRevision ?? 0, 0),
            clusterId: at.clusterId ?? '',
          },
          events: value.events,
          appends,
          links: value.links.map(linkObject),
        });
        const back = read.decodeReadResponse(theirs);
        expect(back.start).toEqual(value.start);
        expect(plain(back.appends ?? [])).toEqual(plain(appends));
        expect((back.links ?? []).map(shownLink)).toEqual(value.links.map(shownLink));
        expect(back.events.map((event) => plain(decodeRecordedEvent(event)))).toEqual(plain(value.events));
        const ours = read.encodeReadResponse(back);
        agree('ReadResponse', ours, theirs);
      }),
    );
  });

  test('SubscribeRequest and SubscribeResponse', () => {
    const start = fc.option(
      fc.oneof(
        fc.constant({ kind: 'now' as const }),
        fc.record({ kind: fc.constant('after' as const), position: any.place }),
      ),
      { nil: undefined },
    );
    const request = fc.record({
      ...{ target, start, userEvents: fc.boolean(), resolveLinks: fc.boolean() },
      afterClusterId: fc.option(fc.uuid(), { nil: undefined }),
    });
    fc.assert(
      fc.property(request, (value) => {
        const begin = value.start?.kind === 'after' ? { afterPosition: value.start.position } : { fromNow: true };
        const theirs = reflectedEncode('factstore.v1.SubscribeRequest', {
          ...targetObject(value.target),
          ...(value.start ? begin : {}),
          userEvents: value.userEvents,
          resolveLinks: value.resolveLinks,
          afterClusterId: value.afterClusterId ?? '',
        });
        expect(subscribe.decodeSubscribeRequest(theirs)).toEqual(value);
        agree('SubscribeRequest', subscribe.encodeSubscribeRequest(value), theirs);
      }),
    );
    const response = fc.record({
      events: fc.array(any.recordedEvent, { maxLength: 4 }),
      caughtUp: fc.option(any.place, { nil: undefined }),
      checkpoint: any.place,
      links,
      clusterId: fc.option(fc.uuid(), { nil: undefined }),
    });
    fc.assert(
      fc.property(response, (value) => {
        const caughtUp = value.caughtUp === undefined ? undefined : { position: value.caughtUp };
        const theirs = reflectedEncode('factstore.v1.SubscribeResponse', {
          ...value,
          clusterId: value.clusterId ?? '',
          caughtUp,
          links: value.links.map(linkObject),
        });
        const back = subscribe.decodeSubscribeResponse(theirs);
        const { caughtUp: position, checkpoint, clusterId } = value;
        expect([back.caughtUp, back.checkpoint, back.clusterId]).toEqual([position, checkpoint, clusterId]);
        expect(back.events.map((event) => plain(decodeRecordedEvent(event)))).toEqual(plain(value.events));
        expect((back.links ?? []).map(shownLink)).toEqual(value.links.map(shownLink));
        const again = subscribe.decodeSubscribeResponse(subscribe.encodeSubscribeResponse(back));
        expect(plain(again)).toEqual(plain(back));
      }),
    );
  });

  test('Head, GetProducer and Streams.Get', () => {
    const stream = fc.record({
      stream: any.name,
      state: any.state as fc.Arbitrary<StreamState>,
      headRevision: any.place,
      firstRevision: any.place,
      count: any.place,
      createdUs: any.place,
      lastAppendedUs: any.place,
      lastPosition: any.place,
      head: any.place,
    });
    fc.assert(
      fc.property(consistency, any.name, any.place, any.uuid, stream, (fresh, name, at, id, found) => {
        const object = { consistency: consistencyObject(fresh) };
        const state = any.stateNumbers[found.state];
        for (const [type, theirs, value, encode, decode] of [
          ['HeadRequest', object, { consistency: fresh }, lookups.encodeHeadRequest, lookups.decodeHeadRequest],
          ['HeadResponse', { position: at }, { position: at }, lookups.encodeHeadResponse, lookups.decodeHeadResponse],
          [
            'GetProducerRequest',
            { producer: name },
            { producer: name },
            lookups.encodeGetProducerRequest,
            lookups.decodeGetProducerRequest,
          ],
          [
            'GetProducerResponse',
            { current: at, appendId: id },
            { current: at, appendId: id },
            lookups.encodeGetProducerResponse,
            lookups.decodeGetProducerResponse,
          ],
          [
            'GetStreamRequest',
            { stream: name, ...object },
            { stream: name, consistency: fresh },
            lookups.encodeGetStreamRequest,
            lookups.decodeGetStreamRequest,
          ],
          [
            'GetStreamResponse',
            { ...found, state },
            found,
            lookups.encodeGetStreamResponse,
            lookups.decodeGetStreamResponse,
          ],
        ] as const) {
          const bytes = reflectedEncode(`factstore.v1.${type}`, theirs);
          expect(plain(decode(bytes))).toEqual(plain(value));
          const ours = (encode as (value: object) => Uint8Array)(value);
          agree(type, ours, bytes);
        }
      }),
    );
  });
});

function conflictObject(value: { checks: readonly object[]; conditions: readonly object[]; position: number }): object {
  const checks = value.checks.map((shown) => {
    const check = shown as { expect: Expectation; actual: StreamState; actualRevision: number };
    return {
      ...shown,
      expect: any.expectNumbers[check.expect.kind],
      expectedRevision: check.expect.kind === 'revision' ? check.expect.revision : 0,
      actual: any.stateNumbers[check.actual],
      actualRevision: Math.max(check.actualRevision, 0),
    };
  });
  return { checks, conditions: value.conditions, position: value.position };
}

type WithEvents = readonly { readonly events: object[] }[];

function withRawEvents(value: { checks: WithEvents; conditions: WithEvents }): object {
  const raw = (event: object) => reflectedEncode('factstore.v1.RecordedEvent', event);
  const encoded = (shown: WithEvents) => shown.map((one) => ({ ...one, events: one.events.map(raw) }));
  return { ...value, checks: encoded(value.checks), conditions: encoded(value.conditions) };
}
