import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamChange } from '../../src/model/retention.ts';
import type { StreamState } from '../../src/model/stream.ts';
import { decodeAppendRequest, encodeAppendRequest } from '../../src/proto/append-request.ts';
import { decodeGetStreamResponse, encodeGetStreamResponse } from '../../src/proto/lookups.ts';
import * as list from '../../src/proto/stream-list.ts';
import * as any from './arbitraries.ts';
import { plain, reflectedDecode, reflectedEncode } from './arbitraries.ts';

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const jsonText = fc.constantFrom('{}', '{"owner":"ü"}');
const metadata = fc.record({
  maxAgeMs: maybe(any.place),
  maxCount: maybe(any.place),
  truncateBefore: maybe(any.place),
  acl: maybe(jsonText),
  custom: maybe(jsonText),
});
const change: fc.Arbitrary<StreamChange> = fc
  .tuple(
    fc.oneof(
      metadata.map((value) => ({ kind: 'metadata' as const, metadata: value })),
      any.place.map((before) => ({ kind: 'truncate' as const, before })),
      fc.tuple(any.place, any.place).map(([from, to]) => ({ kind: 'erase' as const, from, to })),
      fc.constantFrom({ kind: 'delete' as const }, { kind: 'tombstone' as const }),
    ),
    any.name,
  )
  .map(([kind, stream]) => ({ ...kind, stream }));

const metadataObject = ({ acl, custom, ...limits }: { acl?: string | undefined; custom?: string | undefined }) => ({
  ...defined(limits),
  acl: Buffer.from(acl ?? ''),
  custom: Buffer.from(custom ?? ''),
});

function defined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
}

function changeObject(value: StreamChange): object {
  const { stream } = value;
  if (value.kind === 'metadata') return { stream, metadata: metadataObject(value.metadata) };
  if (value.kind === 'erase') return { stream, erase: { from: value.from, to: value.to } };
  return value.kind === 'truncate' ? { stream, truncateBefore: value.before } : { stream, [value.kind]: true };
}

function agree(type: string, ours: Uint8Array, theirs: Uint8Array): void {
  expect(reflectedDecode(`factstore.v1.${type}`, ours)).toEqual(reflectedDecode(`factstore.v1.${type}`, theirs));
}

describe('the codecs of streams agree with protobufjs', () => {
  test('a change within an AppendRequest, both ways; it is content of the append', () => {
    fc.assert(
      fc.property(change, any.uuid, (value, appendId) => {
        const ours = encodeAppendRequest({ appendId, writes: [], change: value });
        const theirs = reflectedEncode('factstore.v1.AppendRequest', { appendId, change: changeObject(value) });
        agree('AppendRequest', ours, theirs);
        for (const bytes of [ours, theirs]) expect(decodeAppendRequest(bytes).change).toEqual(value);
        const { content } = decodeAppendRequest(ours);
        expect(plain(content)).toEqual([
          plain(encodeAppendRequest({ appendId: new Uint8Array(0), writes: [], change: value })),
        ]);
      }),
    );
  });

  test('a change that says nothing, two things, or what is not known, is refused [S14]', () => {
    const decode = (object: object) => () =>
      decodeAppendRequest(reflectedEncode('factstore.v1.AppendRequest', { change: object }));
    expect(decode({ stream: 'a' })).toThrow('change.change: is missing');
    expect(decode({ stream: 'a', delete: false })).toThrow('change.change: is missing');
    const twice = Buffer.from([0x52, 4, 0x20, 1, 0x28, 1]);
    expect(() => decodeAppendRequest(twice)).toThrow('change.change: says more than one thing');
    expect(() => decodeAppendRequest(Buffer.from([0x52, 2, 0x38, 1]))).toThrow('field 7 of StreamChange is not known');
    expect(() => decodeAppendRequest(Buffer.from([0x52, 4, 0x12, 2, 0x30, 1]))).toThrow('field 6 of StreamMetadata');
    const beyond = Buffer.from([0x52, 9, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    expect(() => decodeAppendRequest(beyond)).toThrow('change.truncate_before: is above 9007199254740991');
    expect(() => decodeAppendRequest(Buffer.from([0x52, 2, 0x20, 1, 0x52, 2, 0x20, 1]))).toThrow(
      'change: stands there twice',
    );
  });

  test('the metadata of a stream in GetStreamResponse', () => {
    const figures = {
      headRevision: 1,
      firstRevision: 0,
      count: 2,
      createdUs: 3,
      lastAppendedUs: 4,
      lastPosition: 5,
      head: 6,
    };
    fc.assert(
      fc.property(any.name, maybe(metadata), maybe(any.place), (stream, said, metadataRevision) => {
        const value = { stream, state: 'exists' as StreamState, ...figures, metadata: said, metadataRevision };
        const object = { stream, state: 2, ...figures, ...(said && { metadata: metadataObject(said) }) };
        const theirs = reflectedEncode('factstore.v1.GetStreamResponse', {
          ...object,
          ...defined({ metadataRevision }),
        });
        agree('GetStreamResponse', encodeGetStreamResponse(value), theirs);
        expect(decodeGetStreamResponse(theirs)).toEqual(value);
      }),
    );
  });

  test('Streams.List, both ways', () => {
    const which = fc.oneof(
      fc.constant({ kind: 'user' as const }),
      any.name.map((prefix) => ({ kind: 'prefix' as const, prefix })),
      any.name.map((category) => ({ kind: 'category' as const, category })),
    );
    const request = fc.record({
      which,
      order: fc.constantFrom('name' as const, 'creation' as const),
      after: any.name,
      limit: fc.nat(2 ** 31 - 1),
      deleted: fc.boolean(),
    });
    const listed = fc.record({
      stream: any.name.filter((name) => name !== ''),
      state: any.state as fc.Arbitrary<StreamState>,
      headRevision: any.place,
      createdUs: any.place,
      lastAppendedUs: any.place,
      firstPosition: any.place,
    });
    const response = fc.record({ streams: fc.array(listed, { maxLength: 4 }), next: any.name, head: any.place });
    fc.assert(
      fc.property(request, response, (asked, answered) => {
        const { which: chosen, order, ...rest } = asked;
        const { kind, ...name } = chosen;
        const numbers = { order: order === 'name' ? 1 : 2, consistency: { local: true } };
        const theirs = reflectedEncode('factstore.v1.ListStreamsRequest', { ...rest, ...name, ...numbers });
        const value = { ...asked, consistency: { kind: 'local' as const } };
        agree('ListStreamsRequest', list.encodeListStreamsRequest(value), theirs);
        expect([kind, list.decodeListStreamsRequest(theirs)]).toEqual([kind, value]);
        const streams = answered.streams.map((one) => ({ ...one, state: any.stateNumbers[one.state] }));
        const answer = reflectedEncode('factstore.v1.ListStreamsResponse', { ...answered, streams });
        agree('ListStreamsResponse', list.encodeListStreamsResponse(answered), answer);
        expect(list.decodeListStreamsResponse(answer)).toEqual(answered);
      }),
    );
  });
});
