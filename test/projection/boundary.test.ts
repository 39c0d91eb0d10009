import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { openProgram } from '../../src/projection/program.ts';
import { closeAll, eventsOf, jsonOf, run } from './events.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
/** As it is, with a byte order mark where there is one. */
const asText = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** Texts with all that is odd: no characters at all, zero characters, quotes, halves of characters, characters of 4 bytes. */
const oddText = fc.string({
  unit: fc.oneof(
    { weight: 6, arbitrary: fc.string({ minLength: 1, maxLength: 1 }) },
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\0', '"', '\\', '\u2028', '\ufeff', '\ud800', '\udfff', '😀', '__proto__', 'constructor'),
  ),
});
const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(2 ** 53, -(2 ** 63), 1e308, 5e-324, 0.1, -0, 1e21, 123456789012345680000),
);
const { value: anyJson } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    oddText,
    oddNumber.map((n) => JSON.parse(JSON.stringify(n)) as unknown),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.oneof(oddText, fc.constantFrom('toJSON', 'length', '0')), tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  ),
}));
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  oddText.map((text) => utf8(text)),
);
/** A name as streams, types and tags have them: valid text without control characters. */
const name = fc
  .oneof(oddText, fc.string({ unit: 'binary', minLength: 1 }))
  .map((text) =>
    text
      .toWellFormed()
      .replace(/\p{Cc}/gu, '')
      .replace(/^\$+/, ''),
  )
  .map((text) => [...text].slice(0, 60).join('') || 'x');
const anyEvent = fc.record({
  stream: name,
  data: anyJson,
  metadata: anyJson,
  tags: fc.array(name, { maxLength: 3 }),
  contentType: fc.constantFrom('', 'application/json', 'application/x+json'),
});

/** Hands everything back, by each way there is out of the sandbox. */
const MIRROR = `fromAll().when({
  Json(s, e) { emit(e.stream, 'Seen', { data: e.data }, e.metadata === null ? undefined : e.metadata, { tags: e.tags }); return { data: e.data } },
  Bytes(s, e) { copyTo('copies', e); return { raw: e.bodyRaw, metadata: e.metadataRaw, json: e.isJson } },
  Partition(s, e) { return e.data },
})`;

describe('the boundary of the sandbox', () => {
  afterEach(closeAll);

  test('is passed by any JSON, in data, metadata, states and emissions, and by any names', async () => {
    const mirror = await run(MIRROR);
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 8 }), async (given) => {
        const events = eventsOf(
          ...given.map(({ data, metadata, ...rest }) => {
            const bytes = { data: utf8(JSON.stringify(data)), metadata: utf8(JSON.stringify(metadata)) };
            return { type: 'Json', ...rest, ...bytes };
          }),
        );
        const { emissions, fault, processed } = await mirror.process(events);
        expect(fault).toBeUndefined();
        expect(processed).toBe(events.length);
        expect(jsonOf(mirror.stored.get(''))).toEqual({ data: given.at(-1)?.data });
        for (const [i, { stream, data, metadata, tags }] of given.entries()) {
          const seen = emissions[i]!;
          expect({ stream: seen.stream, tags: seen.tags ?? [] }).toEqual({ stream, tags });
          expect(jsonOf(seen.data)).toEqual({ data });
          expect(jsonOf(seen.metadata) ?? null).toEqual(metadata);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('is passed by states on their way to the store and back', async () => {
    const remember = "A(s, e) { emit('o', 'Before', { before: s.value }); s.value = e.data }";
    const source = `fromAll().foreachStream().when({ $init: () => ({ value: 'none' }), ${remember} })`;
    const forgetful = await run(source, { heldStatesBytesMax: 0 });
    await fc.assert(
      fc.asyncProperty(name, fc.array(anyJson, { minLength: 2, maxLength: 5 }), async (stream, values) => {
        forgetful.stored.clear();
        for (const [i, value] of values.entries()) {
          const [event] = eventsOf({ type: 'A', stream, data: utf8(JSON.stringify(value)) });
          const { emissions } = await forgetful.process([event!]);
          expect(jsonOf(emissions[0]!.data)).toEqual({ before: i === 0 ? 'none' : values[i - 1] });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('is passed by any bytes: as text where they are looked at, untouched where they are copied', async () => {
    const mirror = await run(MIRROR);
    await fc.assert(
      fc.asyncProperty(anyBytes, anyBytes, async (data, metadata) => {
        const [event] = eventsOf({ type: 'Bytes', data, metadata, contentType: 'application/octet-stream' });
        const { emissions } = await mirror.process([event!]);
        expect(mirror.state()).toEqual({ raw: asText(data), metadata: asText(metadata), json: false });
        expect([...emissions[0]!.data]).toEqual([...data]);
        expect([...emissions[0]!.metadata!]).toEqual([...metadata]);
      }),
      { numRuns: 150 },
    );
  });

  test('is passed by numbers as JSON.parse has them', async () => {
    const mirror = await run(MIRROR);
    const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$/);
    await fc.assert(
      fc.asyncProperty(fc.array(digits, { minLength: 1, maxLength: 20 }), async (texts) => {
        const numbers = texts.filter((text) => Number.isFinite(Number(text)));
        const data = utf8(`{"n":[${numbers.join(',')}]}`);
        const [event] = eventsOf({ type: 'Partition', data });
        await mirror.process([event!]);
        // What is -0 in JSON is 0 in an event.
        expect(mirror.state()).toEqual({ n: numbers.map((text) => Number(text) + 0) });
      }),
      { numRuns: 150 },
    );
  });

  test('names partitions by any text that is valid, and refuses any other at its event', async () => {
    const handler = 'A(s, e) { s.seen = (s.seen ?? 0) + 1; s.name = e.partition }';
    const partitioned = await run(`fromAll().partitionBy((e) => e.data.name).when({ ${handler} })`);
    await fc.assert(
      fc.asyncProperty(oddText, async (text) => {
        const { changed, fault } = await partitioned.process(eventsOf({ type: 'A', data: { name: text } }));
        if (text === '') expect({ fault, size: changed.size }).toEqual({ fault: undefined, size: 0 });
        else if (!text.isWellFormed() || text.startsWith('\0'))
          expect(fault).toMatchObject({ kind: 'threw', position: 1n });
        else expect(partitioned.state(text)).toMatchObject({ name: text });
      }),
      { numRuns: 200 },
    );
  });

  test('lets no source through that is none, and always says why', async () => {
    const words = fc.constantFrom(
      'fromAll()',
      '.when(',
      '{',
      '}',
      ')',
      'A',
      '=>',
      '1',
      ',',
      '$init',
      'e',
      ';',
      '`',
      '\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          oddText,
          fc.array(words, { maxLength: 8 }).map((parts) => parts.join('')),
        ),
        async (source) => {
          const opened = await openProgram(source).catch((error: unknown) => error);
          if (opened instanceof Error)
            expect(opened).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'source' } });
          else await (opened as Awaited<ReturnType<typeof openProgram>>).close();
        },
      ),
      { numRuns: 30 },
    );
  });
});
