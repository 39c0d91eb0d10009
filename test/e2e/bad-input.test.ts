import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, uuidBytes } from '../../src/base/bytes.ts';
import { ERRORS, type ErrorCode } from '../../src/base/errors.ts';
import type { FactstoreClient } from '../../src/client/index.ts';
import { formatAddress } from '../../src/config/values.ts';
import { decodeAppendStreamResponse, encodeAppendStreamRequest } from '../../src/proto/append-stream.ts';
import { encodeNewEvent } from '../../src/proto/event.ts';
import { decodeReadResponse, encodeReadRequest } from '../../src/proto/read.ts';
import { eventsService, streamsService } from '../../src/proto/services.ts';
import { reflectedEncode } from '../proto/arbitraries.ts';
import { RawClient, type RawOutcome } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';

const MIB = 1 << 20;
const id = () => uuidBytes(randomUUID()) as Uint8Array;
const newEvent = (more: object = {}) => ({ id: id(), type: 'T', data: Buffer.from('{}'), ...more });
const append = (more: object = {}) =>
  reflectedEncode('factstore.v1.AppendRequest', {
    appendId: id(),
    writes: [{ stream: 's', expect: 1, events: [newEvent()] }],
    ...more,
  });
/** One write with one event, given as raw bytes: protobufjs would not write what these tests need. */
const appendOfEvent = (event: Uint8Array): Uint8Array => {
  const field = (number: number, bytes: Uint8Array) => concatBytes([header(number, bytes.length), bytes]);
  const write = concatBytes([field(1, Buffer.from('s')), field(4, event)]);
  return concatBytes([field(1, id()), field(2, write)]);
};
const header = (number: number, length: number): Uint8Array => {
  const bytes = [(number << 3) | 2];
  let rest = length;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Uint8Array.of(...bytes, rest);
};
const field = (number: number, bytes: Uint8Array) => concatBytes([header(number, bytes.length), bytes]);

describe('bad input from a client', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;
  let raw: RawClient;
  let head = 0n;
  let round = 0;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    raw = new RawClient(formatAddress(nodes.node(0).address));
    await db.append('s', [{ type: 'First', data: {} }]);
    head = await db.head();
  });
  afterAll(async () => {
    raw.close();
    await nodes.dispose();
  });

  // Whatever was refused: nothing was written, and the node goes on serving.
  afterEach(async () => {
    expect(await db.head()).toBe(head);
    const { position } = await db.append(`after-${++round}`, [{ type: 'StillHere', data: round }]);
    expect(await db.read(`after-${round}`).toArray()).toHaveLength(1);
    head = position;
  });

  const refused = (outcome: RawOutcome, code: ErrorCode, field: string, text: string | RegExp) => {
    expect(outcome.error ?? outcome).toMatchObject({ code, definite: true, details: { field } });
    expect(outcome.code).toBe(ERRORS[code].grpc);
    expect(outcome.error?.message).toMatch(text);
    expect(outcome.error?.message.startsWith(`${field}: `)).toBe(true);
    expect(outcome.messages).toEqual([]);
  };
  const badAppend = async (bytes: Uint8Array, field: string, text: string | RegExp) =>
    refused(
      await raw.unary(eventsService.Append.path, bytes),
      String(text).includes('over the limit') ? 'LIMIT_EXCEEDED' : 'INVALID_ARGUMENT',
      field,
      text,
    );
  const badWrite = (write: object, field: string, text: string | RegExp) =>
    badAppend(append({ writes: [{ stream: 's', events: [newEvent()], ...write }] }), field, text);
  const badEvent = (event: object, field: string, text: string | RegExp) =>
    badWrite({ events: [newEvent(event)] }, field, text);

  it('an append without writes, and one without events', async () => {
    await badAppend(append({ writes: [] }), 'writes', 'is empty: an append needs at least one event');
    await badAppend(append({ writes: [{ stream: 's', expect: 1 }] }), 'writes', 'hold no event');
  });

  it('an append id that is missing or is no UUID', async () => {
    await badAppend(append({ appendId: new Uint8Array(0) }), 'append_id', 'is not a UUID of 16 bytes: it has 0');
    await badAppend(append({ appendId: new Uint8Array(15) }), 'append_id', 'is not a UUID of 16 bytes: it has 15');
  });

  it('an event id that is missing or is no UUID', async () => {
    await badEvent({ id: new Uint8Array(15) }, 'writes[0].events[0].id', 'is not a UUID of 16 bytes: it has 15');
    await badAppend(appendOfEvent(field(2, Buffer.from('T'))), 'writes[0].events[0].id', 'is missing');
  });

  it('the name of a stream that is empty, too long in bytes of UTF-8, or holds control characters', async () => {
    const at = 'writes[0].stream';
    await badWrite({ stream: '' }, at, 'is empty');
    await badWrite({ stream: 'x'.repeat(1025) }, at, '1025 bytes is over the limit of 1024');
    await badWrite({ stream: `${'€'.repeat(341)}xy` }, at, '1025 bytes is over the limit of 1024');
    for (const stream of ['a\nb', 'a\u0000', '\u007f', 'a\u0085']) {
      await badWrite({ stream }, at, 'contains a control character');
    }
    await badWrite({ stream: '$settings' }, at, 'is reserved');
  });

  it('a type that is empty, too long in bytes of UTF-8, or holds control characters', async () => {
    const at = 'writes[0].events[0].type';
    await badEvent({ type: '' }, at, /is (empty|missing)/);
    await badAppend(appendOfEvent(concatBytes([field(1, id()), field(2, new Uint8Array(0))])), at, 'is empty');
    await badEvent({ type: 'x'.repeat(257) }, at, '257 bytes is over the limit of 256');
    await badEvent({ type: `${'ü'.repeat(128)}x` }, at, '257 bytes is over the limit of 256');
    await badEvent({ type: 'a\tb' }, at, 'contains a control character');
    await badEvent({ type: '$system' }, at, 'is reserved');
  });

  it('tags and content types that are too many, empty or too long', async () => {
    const tags = 'writes[0].events[0].tags';
    await badEvent({ tags: Array(65).fill('t') }, tags, '65 tags is over the limit of 64');
    await badEvent({ tags: [''] }, tags, 'is empty');
    await badEvent({ tags: ['x'.repeat(257)] }, tags, '257 bytes is over the limit of 256');
    await badEvent({ contentType: 'x'.repeat(257) }, 'writes[0].events[0].content_type', 'over the limit of 256');
  });

  it('an expected state that is not known, and a revision that nothing asks for', async () => {
    await badWrite({ expect: 9 }, 'writes[0].expect', '9 is not a value that is known here');
    await badWrite({ expect: 2, revision: 3 }, 'writes[0].revision', 'does not ask for a revision');
  });

  it('revisions and positions beyond 2^53 and 2^63, which no double holds exactly', async () => {
    for (const revision of ['9007199254740992', '9223372036854775808', '18446744073709551615']) {
      await badWrite({ expect: 4, revision }, 'writes[0].revision', 'is above 9007199254740991');
      const read = reflectedEncode('factstore.v1.ReadRequest', { stream: 's', fromRevision: revision });
      const outcome = await raw.serverStream(eventsService.Read.path, read);
      refused(outcome, 'INVALID_ARGUMENT', 'from_revision', 'is above');
    }
    const after = reflectedEncode('factstore.v1.SubscribeRequest', { all: true, afterPosition: '9223372036854775808' });
    refused(
      await raw.serverStream(eventsService.Subscribe.path, after),
      'INVALID_ARGUMENT',
      'after_position',
      'is above',
    );
    // The largest that can be told exactly is a revision like any other; nothing is there.
    const read = reflectedEncode('factstore.v1.ReadRequest', { stream: 's', fromRevision: Number.MAX_SAFE_INTEGER });
    expect(await raw.serverStream(eventsService.Read.path, read)).toMatchObject({ code: 0 });
  });

  it('one stream twice in one append', async () => {
    const writes = [
      { stream: 'a', events: [newEvent()] },
      { stream: 'b', expect: 2 },
      { stream: 'a', expect: 3 },
    ];
    await badAppend(append({ writes }), 'writes[2].stream', '"a" stands in this append twice; give it one write');
  });

  it('more streams, more events or more metadata than an append may have', async () => {
    const streams = Array.from({ length: 1001 }, (_, n) => ({ stream: `m-${n}`, events: [newEvent()] }));
    await badAppend(append({ writes: streams }), 'writes', '1001 streams is over the limit of 1000');
    const events = Array.from({ length: 10_001 }, () => newEvent());
    await badWrite({ events }, 'writes', '10001 events is over the limit of 10000');
    const metadata = Buffer.alloc(MIB + 1);
    await badEvent({ metadata }, 'writes[0].events[0].metadata', `${MIB + 1} bytes is over the limit of ${MIB}`);
  });

  it('fields of an event that only the leader writes [S14]', async () => {
    const event = encodeNewEvent({
      ...newEvent(),
      contentType: '',
      metadata: Buffer.alloc(0),
      tags: [],
      schemaVersion: 0,
    });
    const forged = {
      stream: field(8, Buffer.from('other')),
      revision: Uint8Array.of(0x48, 7),
      position: Uint8Array.of(0x50, 7),
      created: Uint8Array.of(0x58, 7),
      unknown: Uint8Array.of(0x60, 7),
    };
    for (const bytes of Object.values(forged)) {
      await badAppend(
        appendOfEvent(concatBytes([event, bytes])),
        'writes[0].events[0]',
        /field (8|9|10|11|12) is not one that an author may write/,
      );
    }
    await badAppend(appendOfEvent(concatBytes([event, field(1, id())])), 'writes[0].events[0]', 'stands there twice');
    await badAppend(appendOfEvent(Uint8Array.of(0x08, 1)), 'writes[0].events[0]', 'wrong wire type');
    await badAppend(appendOfEvent(Uint8Array.of(0xff)), 'writes[0].events[0]', 'is not a NewEvent message');
  });

  it('names, types and tags that are not valid UTF-8 [S14]', async () => {
    const bad = Uint8Array.of(0x61, 0xc3, 0x28);
    const start = field(1, id());
    const typed = concatBytes([start, field(2, Buffer.from('T'))]);
    const text = 'is not valid UTF-8';
    await badAppend(appendOfEvent(concatBytes([start, field(2, bad)])), 'writes[0].events[0].type', text);
    await badAppend(appendOfEvent(concatBytes([typed, field(6, bad)])), 'writes[0].events[0].tags', text);
    await badAppend(appendOfEvent(concatBytes([typed, field(4, bad)])), 'writes[0].events[0].content_type', text);
    await badAppend(concatBytes([start, field(2, field(1, bad))]), 'writes[0].stream', text);
    const read = field(1, bad);
    refused(await raw.serverStream(eventsService.Read.path, read), 'INVALID_ARGUMENT', 'stream', text);
    refused(await raw.unary(streamsService.Get.path, read), 'INVALID_ARGUMENT', 'stream', text);
    refused(await raw.unary(eventsService.GetProducer.path, read), 'INVALID_ARGUMENT', 'producer', text);
  });

  it('a producer without a name, or whose place does not advance', async () => {
    await badAppend(append({ producer: { producer: '', current: 1 } }), 'producer.producer', 'is empty');
    const same = { producer: 'p', previous: 4, current: 4 };
    await badAppend(append({ producer: same }), 'producer.current', '4 is not greater than previous, 4');
  });

  it('a message larger than 4 MiB is refused with the limit and the way out [C8]', async () => {
    const bytes = append({ writes: [{ stream: 's', events: [newEvent({ data: Buffer.alloc(5 * MIB) })] }] });
    const outcome = await raw.unary(eventsService.Append.path, bytes);
    refused(
      outcome,
      'LIMIT_EXCEEDED',
      'message',
      /52\d+ bytes are over the limit of 4194304 .* AppendStream, in chunks/,
    );
    const streamed = encodeAppendStreamRequest({ kind: 'append', sequence: 1, append: bytes });
    const inStream = await raw.duplex(eventsService.AppendStream.path, [streamed]);
    refused(inStream, 'LIMIT_EXCEEDED', 'message', /over the limit of 4194304 .* Announce .* begin/);
  });

  it('an event over the limit of 16 MiB is refused before its chunks are sent [C8]', async () => {
    const begin = encodeAppendStreamRequest({ kind: 'begin', sequence: 7, totalBytes: 40 * MIB });
    const { code, messages } = await raw.duplex(eventsService.AppendStream.path, [begin]);
    expect({ code, answers: messages.length }).toEqual({ code: 0, answers: 1 });
    expect(decodeAppendStreamResponse(messages[0] as Buffer)).toMatchObject({
      kind: 'error',
      sequence: 7,
      error: { code: 'LIMIT_EXCEEDED', details: { field: 'begin.total_bytes', limit: '17825792' } },
    });
    const large = db.append('s', [{ type: 'T', data: new Uint8Array(16 * MIB + 1) }]);
    await expect(large).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      definite: true,
      message: expect.stringMatching(/^writes: 167772\d\d bytes is over the limit of 16777216/),
    });
  });

  it('a read with a target that is missing, a negative limit, or a revision of everything', async () => {
    const read = async (bytes: Uint8Array, field: string, text: string) =>
      refused(await raw.serverStream(eventsService.Read.path, bytes), 'INVALID_ARGUMENT', field, text);
    await read(new Uint8Array(0), 'target', 'is missing');
    await read(reflectedEncode('factstore.v1.ReadRequest', { stream: '' }), 'stream', 'is empty');
    const negative = Uint8Array.of(0x38, ...Array(9).fill(0xff), 0x01);
    await read(concatBytes([encodeReadRequest(ALL), negative]), 'limit', 'is above 9007199254740991');
    await read(
      reflectedEncode('factstore.v1.ReadRequest', { all: true, fromRevision: 0 }),
      'from_revision',
      'goes with a stream',
    );
    expect(() => db.readAll({ limit: -1 })).toThrow('limit: -1 is below 0');
  });

  it('a query that is empty, has an empty item, too many or too large ones, in reads, subscriptions and conditions', async () => {
    const items = (item: object, count = 1) => ({ items: Array.from({ length: count }, () => item) });
    const cases: [object, ErrorCode, string, string][] = [
      [{}, 'INVALID_ARGUMENT', '', 'is empty: give items'],
      [items({}), 'INVALID_ARGUMENT', '.items[0]', 'is empty: name a type'],
      [{ items: [{ tags: ['x'] }, {}] }, 'INVALID_ARGUMENT', '.items[1]', 'is empty: name a type'],
      // Nobody counts what stands behind the first one that is too many.
      [items({ tags: ['x'] }, 10_000), 'LIMIT_EXCEEDED', '.items', '129 items is over the limit of 128'],
      [items({ tags: ['x'.repeat(257)] }), 'LIMIT_EXCEEDED', '.items[0].tags[0]', '257 bytes is over the limit of 256'],
      [items({ tags: Array(65).fill('x') }), 'LIMIT_EXCEEDED', '.items[0].tags', '65 names is over the limit of 64'],
      [items({ tags: [''] }), 'INVALID_ARGUMENT', '.items[0].tags[0]', 'is empty'],
      [items({ streamPrefixes: [''] }), 'INVALID_ARGUMENT', '.items[0].stream_prefixes[0]', 'is empty'],
    ];
    for (const [query, code, field, text] of cases) {
      const read = reflectedEncode('factstore.v1.ReadRequest', { query });
      refused(await raw.serverStream(eventsService.Read.path, read), code, `query${field}`, text);
      const subscribe = reflectedEncode('factstore.v1.SubscribeRequest', { query });
      refused(await raw.serverStream(eventsService.Subscribe.path, subscribe), code, `query${field}`, text);
      const conditional = append({ conditions: [{ failIfEventsMatch: query }] });
      const of = `conditions[0].fail_if_events_match${field}`;
      refused(await raw.unary(eventsService.Append.path, conditional), code, of, text);
    }
  });

  it('a condition without a query, or behind a position that no store has', async () => {
    const tagged = { items: [{ tags: ['x'] }] };
    await badAppend(append({ conditions: [{ after: 1 }] }), 'conditions[0].fail_if_events_match', 'is missing');
    const behind = (position: number | string) =>
      append({ conditions: [{ failIfEventsMatch: tagged, after: position }] });
    await badAppend(behind('9007199254740992'), 'conditions[0].after', 'is above 9007199254740991');
    const beyond = await raw.unary(eventsService.Append.path, behind(1_000_000));
    expect(beyond.error).toMatchObject({
      code: 'OUT_OF_RANGE',
      definite: true,
      details: { field: 'conditions[0].after' },
    });
  });

  it('metadata and other changes of a stream that make no sense, or of what does not exist', async () => {
    const change = (more: object) => append({ writes: [], change: { stream: 's', ...more } });
    const metadata = (more: object) => change({ metadata: more });
    const at = 'change.metadata';
    await badAppend(metadata({ custom: Buffer.from('{"a":') }), `${at}.custom`, 'is not JSON');
    await badAppend(metadata({ custom: Buffer.from('[1]') }), `${at}.custom`, 'is no JSON object');
    await badAppend(metadata({ acl: Buffer.from('7') }), `${at}.acl`, 'is no JSON object');
    await badAppend(metadata({ custom: Uint8Array.of(0x22, 0xff, 0x22) }), `${at}.custom`, 'UTF-8');
    await badAppend(metadata({ maxAgeMs: 0 }), `${at}.max_age_ms`, 'is 0');
    for (const key of ['maxCount', 'maxAgeMs', 'truncateBefore']) {
      const field = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      await badAppend(metadata({ [key]: '18446744073709551615' }), `${at}.${field}`, 'is above 9007199254740991');
    }
    await badAppend(change({ erase: { from: 1, to: 1 } }), 'change.erase.to', 'leaves nothing');
    await badAppend(change({}), 'change.change', 'is missing');
    for (const kind of [{ delete: true }, { tombstone: true }, { truncateBefore: 1 }, { erase: { from: 0, to: 1 } }]) {
      const outcome = await raw.unary(eventsService.Append.path, change({ stream: 'never', ...kind }));
      expect(outcome.error).toMatchObject({
        ...{ code: 'NOT_FOUND', definite: true, details: { field: 'change.stream', stream: 'never' } },
        message: expect.stringContaining('change.stream: stream "never" does not exist'),
      });
    }
  });

  it('a list of streams with a limit, a prefix, a category or a place that is none', async () => {
    const list = async (more: object, code: ErrorCode, field: string, text: string) =>
      refused(
        await raw.unary(streamsService.List.path, reflectedEncode('factstore.v1.ListStreamsRequest', more)),
        ...([code, field, text] as const),
      );
    await list({ limit: 1_001 }, 'LIMIT_EXCEEDED', 'limit', '1001 streams is over the limit of 1000');
    await list({ limit: 4_294_967_295 }, 'LIMIT_EXCEEDED', 'limit', 'over the limit of 1000');
    await list({ prefix: '' }, 'INVALID_ARGUMENT', 'prefix', 'is empty');
    await list({ category: 'a-b' }, 'INVALID_ARGUMENT', 'category', 'holds a "-"');
    await list({ order: 2, after: 'x' }, 'INVALID_ARGUMENT', 'after', 'is not the "next" of a page');
    const negative = Uint8Array.of(0x28, ...Array(9).fill(0xff), 0x01);
    refused(await raw.unary(streamsService.List.path, negative), 'INVALID_ARGUMENT', 'limit', 'is above');
  });

  it('a read from beyond the head yields nothing; a subscription is out of range', async () => {
    expect(await db.readAll({ from: 1_000_000n }).toArray()).toEqual([]);
    expect(await db.read('s', { from: 1_000_000n }).toArray()).toEqual([]);
    const read = reflectedEncode('factstore.v1.ReadRequest', { all: true, fromPosition: 1_000_000 });
    const { code, messages } = await raw.serverStream(eventsService.Read.path, read);
    expect(code).toBe(0);
    expect(decodeReadResponse(messages[0] as Buffer)).toMatchObject({ start: { head: Number(head) }, events: [] });
    const behind = reflectedEncode('factstore.v1.SubscribeRequest', { all: true, afterPosition: 1_000_000 });
    const outcome = await raw.serverStream(eventsService.Subscribe.path, behind);
    refused(outcome, 'OUT_OF_RANGE', 'after', `lies beyond the head of the cluster, which is ${head}`);
  });

  it('plain HTTP/1.1 gets a sentence, its probes answer, and other paths are not found', async () => {
    const { port } = nodes.node(0).address;
    const get = (path: string) =>
      new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port, path, agent: false }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve({ status: response.statusCode, text }));
        });
        sent.on('error', reject).end();
      });
    expect(await get('/')).toMatchObject({ status: 200, text: expect.stringContaining('speaks gRPC on this port') });
    expect(await get('/elsewhere')).toMatchObject({ status: 404 });
    expect(await get('/livez')).toEqual({ status: 200, text: 'live\n' });
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
  });
});

const ALL = {
  target: { kind: 'all' },
  backwards: false,
  start: undefined,
  limit: 0,
  consistency: { kind: 'linearizable' },
  userEvents: false,
} as const;
