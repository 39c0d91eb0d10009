import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { decodeAppendRequest } from '../../src/proto/append-request.ts';
import { decodeAppendResponse } from '../../src/proto/append-response.ts';
import { decodeAppendStreamRequest, decodeAppendStreamResponse } from '../../src/proto/append-stream.ts';
import { decodeErrorDetail, decodeStatus, encodeErrorDetail, encodeStatus } from '../../src/proto/error-detail.ts';
import { decodeRecordedEvent } from '../../src/proto/event.ts';
import * as lookups from '../../src/proto/lookups.ts';
import { decodeReadRequest, decodeReadResponse } from '../../src/proto/read.ts';
import { eventsService } from '../../src/proto/services.ts';
import { decodeSubscribeRequest, decodeSubscribeResponse } from '../../src/proto/subscribe.ts';
import { reflectedDecode, reflectedEncode } from './arbitraries.ts';

const decoders: Record<string, (bytes: Uint8Array) => unknown> = {
  decodeAppendRequest,
  decodeAppendResponse,
  decodeAppendStreamRequest,
  decodeAppendStreamResponse,
  decodeErrorDetail,
  decodeStatus,
  decodeRecordedEvent,
  decodeReadRequest,
  decodeReadResponse,
  decodeSubscribeRequest,
  decodeSubscribeResponse,
  decodeHeadRequest: lookups.decodeHeadRequest,
  decodeHeadResponse: lookups.decodeHeadResponse,
  decodeGetProducerRequest: lookups.decodeGetProducerRequest,
  decodeGetProducerResponse: lookups.decodeGetProducerResponse,
  decodeGetStreamRequest: lookups.decodeGetStreamRequest,
  decodeGetStreamResponse: lookups.decodeGetStreamResponse,
};

function refusal(decode: () => unknown): FactstoreError {
  try {
    decode();
  } catch (error) {
    if (error instanceof FactstoreError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function appendRefusal(request: object): FactstoreError {
  return refusal(() => decodeAppendRequest(reflectedEncode('factstore.v1.AppendRequest', request)));
}

describe('what is malformed is refused with the name of the field', () => {
  test.each(Object.entries(decoders))('%s takes any bytes or ends in INVALID_ARGUMENT', (_, decode) => {
    const field = fc
      .tuple(fc.nat(12), fc.constantFrom(0, 1, 2, 3, 5), fc.uint8Array({ maxLength: 24 }))
      .map(([number, wire, bytes]) => Uint8Array.of(number * 8 + wire, bytes.length, ...bytes));
    const mostlyRight = fc
      .array(field, { maxLength: 5 })
      .map((fields) => Uint8Array.from(fields.flatMap((f) => [...f])));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mostlyRight), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FactstoreError);
          expect((error as FactstoreError).code).toBe('INVALID_ARGUMENT');
          expect((error as FactstoreError).details.field).toBeTruthy();
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a number beyond 2^53 does not wrap', () => {
    const error = appendRefusal({
      writes: [{ stream: 'a' }, { stream: 'b', expect: 4, revision: '9007199254740992' }],
    });
    expect(error.details.field).toBe('writes[1].revision');
    expect(appendRefusal({ attemptAgeMs: '18446744073709551615' }).details.field).toBe('attempt_age_ms');
    const read = reflectedEncode('factstore.v1.ReadRequest', { stream: 'a', fromRevision: '9223372036854775808' });
    expect(refusal(() => decodeReadRequest(read)).details.field).toBe('from_revision');
  });

  test('an unknown expected state, and a revision that nothing asks for', () => {
    expect(appendRefusal({ writes: [{ stream: 'a', expect: 5 }] }).details.field).toBe('writes[0].expect');
    expect(appendRefusal({ writes: [{ stream: 'a', expect: 2, revision: 3 }] }).details.field).toBe(
      'writes[0].revision',
    );
  });

  test('a name that is not UTF-8', () => {
    const stream = Uint8Array.of(0x0a, 2, 0xc3, 0x28);
    const bytes = Uint8Array.of(0x12, stream.length, ...stream);
    expect(refusal(() => decodeAppendRequest(bytes))).toMatchObject({ details: { field: 'writes[0].stream' } });
  });

  test('an append with a field that this node does not know, which could be a condition', () => {
    expect(refusal(() => decodeAppendRequest(Uint8Array.of(0x3a, 0))).message).toContain('not known to this node');
  });

  test('a query that says nothing, or too much, or what is not known', () => {
    const fieldOf = (query: object) => {
      const condition = { conditions: [{ failIfEventsMatch: query }] };
      const refused = [
        appendRefusal(condition),
        refusal(() => decodeReadRequest(reflectedEncode('factstore.v1.ReadRequest', { query }))),
        refusal(() => decodeSubscribeRequest(reflectedEncode('factstore.v1.SubscribeRequest', { query }))),
      ];
      return refused.map(({ details }) => details.field);
    };
    expect(fieldOf({})).toEqual(['conditions[0].fail_if_events_match', 'query', 'query']);
    expect(fieldOf({ all: true, items: [{ tags: ['x'] }] })).toEqual(fieldOf({}));
    expect(appendRefusal({ conditions: [{ after: 3 }] }).details.field).toBe('conditions[0].fail_if_events_match');
    // A field 6 within an item could narrow it down.
    const item = Uint8Array.of(0x5a, 4, 0x0a, 2, 0x32, 0);
    expect(refusal(() => decodeReadRequest(item)).message).toContain('not known to this node');
    const tag = Uint8Array.of(0x5a, 6, 0x0a, 4, 0x12, 2, 0xc3, 0x28);
    expect(refusal(() => decodeReadRequest(tag)).details.field).toBe('query.items[0].tags');
  });

  test('a producer given twice, which would be merged', () => {
    const once = reflectedEncode('factstore.v1.AppendRequest', { producer: { producer: 'p', current: 1 } });
    expect(refusal(() => decodeAppendRequest(Uint8Array.of(...once, ...once))).details.field).toBe('producer');
  });

  test('a read or a subscription without a target', () => {
    expect(refusal(() => decodeReadRequest(new Uint8Array(0))).details.field).toBe('target');
    expect(refusal(() => decodeSubscribeRequest(Uint8Array.of(0x10, 0))).details.field).toBe('target');
  });

  test('an answer to a read whose appends do not add up to its events', () => {
    const appends = [{ appendId: new Uint8Array(16), events: 2 }];
    const read = reflectedEncode('factstore.v1.ReadResponse', { events: [{ stream: 'a' }], appends });
    expect(refusal(() => decodeReadResponse(read)).details.field).toBe('appends');
    const nameless = reflectedEncode('factstore.v1.ReadResponse', { appends: [{ events: 0 }] });
    expect(refusal(() => decodeReadResponse(nameless)).details.field).toBe('appends[0].append_id');
  });

  test('a deserializer gives the error to the handler instead of throwing', () => {
    expect(eventsService.Append.requestDeserialize(Buffer.of(0xff))).toBeInstanceOf(FactstoreError);
  });
});

describe('errors on the wire', () => {
  test('an error comes back as it was, and protobufjs reads it', () => {
    const error = new FactstoreError('NOT_LEADER', 'n1 follows n2', { leader: '127.0.0.1:2115', term: 7 });
    for (const back of [decodeErrorDetail(encodeErrorDetail(error)), decodeStatus(encodeStatus(error))]) {
      expect(back).toMatchObject({ code: 'NOT_LEADER', message: 'n1 follows n2', definite: true });
      expect(back?.details).toEqual({ leader: '127.0.0.1:2115', term: '7' });
    }
    const status = reflectedDecode('google.rpc.Status', encodeStatus(error)) as { details: { value: Uint8Array }[] };
    expect(status).toMatchObject({ code: 14, message: 'n1 follows n2' });
    expect(reflectedDecode('factstore.v1.ErrorDetail', status.details[0]?.value as Uint8Array)).toMatchObject({
      code: 'NOT_LEADER',
      retry: 3,
    });
  });

  test('S12: the status of any error stays under 4 KiB', () => {
    const long = fc.string({ unit: 'grapheme', maxLength: 5000, size: 'max' });
    const details = fc.dictionary(fc.string({ maxLength: 20 }), fc.oneof(long, fc.nat(), fc.array(long)));
    fc.assert(
      fc.property(long, details, (message, more) => {
        const status = encodeStatus(new FactstoreError('INTERNAL', message, more));
        expect(status.length).toBeLessThan(4096);
        expect(decodeStatus(status)?.code).toBe('INTERNAL');
      }),
      { numRuns: 30 },
    );
  });

  test('a code from a newer node becomes INTERNAL and keeps what the node said', () => {
    const bytes = reflectedEncode('factstore.v1.ErrorDetail', { code: 'TOO_NEW', message: 'eh', definite: true });
    expect(decodeErrorDetail(bytes)).toMatchObject({ code: 'INTERNAL', definite: true, details: { code: 'TOO_NEW' } });
  });
});
