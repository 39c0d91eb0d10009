import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openProgram, PROGRAM_LIMITS } from '../../src/projection/program.ts';
import { closeAll, eventsOf, jsonOf, Run, run, textOf } from './events.ts';

afterEach(closeAll);

async function description(source: string) {
  const program = await openProgram(source);
  await program.close();
  return program.description;
}

describe('what a projection says of itself', () => {
  test('is its source', async () => {
    const when = '.when({})';
    expect((await description(`fromAll()${when}`)).source).toEqual({ kind: 'all' });
    expect((await description(`fromStream('a')${when}`)).source).toEqual({ kind: 'streams', streams: ['a'] });
    const streams = { kind: 'streams', streams: ['a', 'b'] };
    expect((await description(`fromStreams('a', 'b', 'a')${when}`)).source).toEqual(streams);
    expect((await description(`fromStreams(['a', 'b'])${when}`)).source).toEqual(streams);
    const categories = { kind: 'categories', categories: ['x', 'y'] };
    expect((await description(`fromCategory('x', 'y')${when}`)).source).toEqual(categories);
    expect((await description(`fromCategories(['x', 'y'])${when}`)).source).toEqual(categories);
    const query = { kind: 'query', types: ['T'], tags: ['a:1'] };
    expect((await description(`fromQuery({ types: ['T'], tags: ['a:1'] })${when}`)).source).toEqual(query);
  });

  test('is which events it handles, how it is partitioned and whether it writes', async () => {
    expect(await description('fromAll().when({ A() {}, B() {} })')).toMatchObject({
      partitioning: 'none',
      handledTypes: ['A', 'B'],
      handlesDeleted: false,
      emits: false,
      transforms: false,
      outputsState: false,
      sharesState: false,
      options: {},
    });
    const source = `
      options({ resultStreamName: 'results', includeOwnEmissions: true })
      fromAll().foreachStream()
        .when({ $init: () => ({}), $initShared: () => ({}), $any() {}, $deleted(s, e) { emit('a', 'B', {}) } })
        .filterBy((s) => s).outputState()`;
    expect(await description(source)).toMatchObject({
      partitioning: 'stream',
      handledTypes: 'any',
      handlesDeleted: true,
      emits: true,
      transforms: true,
      outputsState: true,
      sharesState: true,
      options: { resultStreamName: 'results', includeOwnEmissions: true },
    });
    const output = await description("fromAll().partitionBy((e) => 1).when({}).outputTo('all', 'of-{0}')");
    expect(output.partitioning).toBe('function');
    expect(output.options).toEqual({ resultStreamName: 'all', partitionResultStreamNamePattern: 'of-{0}' });
  });
});

describe('a source that is no projection is refused', () => {
  const refused: readonly (readonly [string, string, RegExp, number?, number?])[] = [
    ['what does not parse', 'fromAll()\n  .when({\n    A(s, e) { s. }\n})', /SyntaxError/, 3, 18],
    ['an unknown call', '\n  fromEverything()', /'fromEverything' is not defined/, 2, 3],
    ['an unknown call behind a selector', 'fromAll()\n  .where({})', /\.where is unknown: .*partitionBy/, 2, 3],
    ['no selector', 'const a = 1', /calls none of fromAll/],
    ['no handlers', 'fromAll()', /when\(\{ … \}\) is missing/],
    ['two selectors', "fromAll()\nfromStream('a').when({})", /second selector/, 2, 11],
    ['two calls of when', 'fromAll().when({}).when({})', /called twice/, 1],
    ['a special handler that there is not', 'fromAll().when({ $inti() {} })', /\$inti is unknown.*\$init/, 1],
    ['a handler that is no function', 'fromAll().when({ A: 5 })', /when: A: 5 .* function is expected/, 1],
    ['an unknown option', 'options({ resultStream: "a" })', /resultStream is unknown.*resultStreamName/, 1],
    ['an option of the wrong type', 'options({ resultStreamName: 5 })', /a string is expected/, 1],
    ['a name that is none', "fromStream('')", /a name is expected/, 1],
    ['a query for nothing', 'fromQuery({})', /neither types nor tags/, 1],
    ['partitions after handlers', 'fromAll().when({}).partitionBy((e) => 1)', /before when/, 1],
    [
      '$deleted of partitions that are no streams',
      'fromAll().partitionBy((e) => 1).when({ $deleted() {} })',
      /foreachStream/,
    ],
    ['emitting without an event', "emit('a', 'B', {}); fromAll().when({})", /belongs into a handler/, 1],
    ['an undeclared variable', 'total = 0; fromAll().when({})', /'total' is not defined/, 1, 1],
    ['a zero character', 'fromAll()\0', /zero character/],
  ];
  for (const [what, source, message, line, column] of refused) {
    test(what, async () => {
      const error = await openProgram(source).then(
        (program) => program.close(),
        (error: unknown) => error,
      );
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
      const details: Record<string, unknown> = { field: 'source' };
      if (line !== undefined) details.line = line;
      if (column !== undefined) details.column = column;
      expect(error).toMatchObject({ details });
    });
  }
});

describe('a handler', () => {
  test('gets the event under the names of factstore and of KurrentDB', async () => {
    const all = await run(`fromAll().partitionBy((e) => 'p').when({
      $init: () => ({}),
      T(s, e) {
        const { stream, revision, position, id, type, data, metadata, tags, created, contentType } = e;
        s.factstore = { stream, revision, position, id, type, data, metadata, tags, created, contentType };
        const { streamId, sequenceNumber, eventId, eventType, body, bodyRaw, metadataRaw, isJson, partition } = e;
        s.kurrent = { streamId, sequenceNumber, eventId, eventType, body: JSON.parse(JSON.stringify(body)), bodyRaw, metadataRaw, isJson, partition };
        s.category = e.category;
      },
    })`);
    const tags = ['customer:7', 'correlation:ä"'];
    const metadata = { by: 'me' };
    await all.processAll(
      eventsOf({ type: 'A' }, { type: 'T', stream: 'order-1', data: { n: [1, 'ü'] }, metadata, tags }),
    );
    const id = '00010203-0405-0607-0809-0a0b0c0d0e01';
    expect(all.state('p')).toEqual({
      factstore: {
        stream: 'order-1',
        revision: 0,
        position: 2,
        id,
        type: 'T',
        data: { n: [1, 'ü'] },
        metadata,
        tags,
        created: '2025-11-25T12:00:00.000001Z',
        contentType: 'application/json',
      },
      kurrent: {
        streamId: 'order-1',
        sequenceNumber: 0,
        eventId: id,
        eventType: 'T',
        body: { n: [1, 'ü'] },
        bodyRaw: '{"n":[1,"ü"]}',
        metadataRaw: '{"by":"me"}',
        isJson: true,
        partition: 'p',
      },
      category: 'order',
    });
  });

  test('gets data that is not JSON as text, whatever it claims to be', async () => {
    const all = await run(`fromAll().when({
      $init: () => [],
      $any(s, { bodyRaw, isJson, data, metadata, metadataRaw }) {
        s.push([bodyRaw, isJson, data === undefined, metadata, metadataRaw])
      },
    })`);
    const text = (value: string) => new TextEncoder().encode(value);
    await all.processAll(
      eventsOf(
        { type: 'A', data: text('{"a":1}'), contentType: 'text/plain' },
        { type: 'A', data: text('{"a":'), contentType: 'application/json' },
        { type: 'A', data: text('zero \0 within'), metadata: text('\0'), contentType: 'application/octet-stream' },
        { type: 'A', data: new Uint8Array([0xff, 0x41]), contentType: 'application/octet-stream' },
        { type: 'A', data: new Uint8Array(0) },
        { type: 'A', data: text('{"a":2}'), contentType: 'application/vnd.shop+json; charset=utf-8' },
      ),
    );
    expect(all.state()).toEqual([
      ['{"a":1}', false, true, null, ''],
      ['{"a":', false, true, null, ''],
      ['zero \0 within', false, true, null, '\0'],
      ['\ufffdA', false, true, null, ''],
      ['', false, true, null, ''],
      ['{"a":2}', true, false, null, ''],
    ]);
  });

  test('may change the state in place or give a new one', async () => {
    const all = await run(`fromAll().when({
      $init: () => ({ n: 0 }),
      Add(s, e) { s.n += e.data.n },
      Set: (s, e) => ({ n: e.data.n }),
    })`);
    await all.processAll(
      eventsOf({ type: 'Add', data: { n: 2 } }, { type: 'Set', data: { n: 10 } }, { type: 'Add', data: { n: 1 } }),
    );
    expect(all.state()).toEqual({ n: 11 });
  });

  test('drops the partition with null, which then begins anew', async () => {
    const all = await run(`fromAll().foreachStream().when({
      $init: () => ({ n: 0 }),
      $created(s, e) { s.createdBy = e.type },
      Add(s) { s.n++ },
      Close: () => null,
    })`);
    const first = await all.process(eventsOf({ type: 'Add' }, { type: 'Close' }));
    expect(first.changed).toEqual(new Map([['s-1', { state: null, result: null }]]));
    await all.processAll(eventsOf({ type: 'Add' }, { type: 'Close' }, { type: 'Add' }, { type: 'Add' }));
    expect(all.state('s-1')).toEqual({ n: 2, createdBy: 'Add' });
  });

  test('of a type comes before $any', async () => {
    const all = await run(
      "fromAll().when({ $init: () => [], A(s) { s.push('A') }, $any(s, e) { s.push('any ' + e.type) } })",
    );
    await all.processAll(eventsOf({ type: 'A' }, { type: 'B' }, { type: 'constructor' }, { type: '__proto__' }));
    expect(all.state()).toEqual(['A', 'any B', 'any constructor', 'any __proto__']);
  });

  test('without $init begins with an empty object, and none is made for events without a handler', async () => {
    const all = await run('fromAll().foreachStream().when({ A(s) { s.seen = true } })');
    await all.processAll(eventsOf({ type: 'A', stream: 'a' }, { type: 'B', stream: 'b' }));
    expect(all.states).toEqual({ a: { seen: true } });
  });

  test('that is async is refused', async () => {
    const all = await run('fromAll().when({ async A(s) { s.n = 1 } })');
    const { fault } = await all.process(eventsOf({ type: 'A' }));
    expect(fault).toMatchObject({ kind: 'threw', message: expect.stringContaining('async') });
  });
});

describe('partitions', () => {
  test('are what partitionBy gives; null, undefined and the empty text leave the event out', async () => {
    const all = await run('fromAll().partitionBy((e) => e.data.k).when({ $init: () => ({ n: 0 }), A(s) { s.n++ } })');
    const keys = ['x', 1, '1', true, null, undefined, '', 'ä/ö', 'constructor'];
    await all.processAll(eventsOf(...keys.map((k) => ({ type: 'A', data: { k } }))));
    expect(all.states).toEqual({ x: { n: 1 }, 1: { n: 2 }, true: { n: 1 }, 'ä/ö': { n: 1 }, constructor: { n: 1 } });
  });

  test('cannot be named by objects, over-long texts and half characters', async () => {
    const all = await run('fromAll().partitionBy((e) => e.data.k).when({ A() {} })');
    for (const k of [{}, 'ä'.repeat(513), '\ud800', '\0a']) {
      const { processed, fault } = await all.process(
        eventsOf({ type: 'A', data: { k: 'good' } }, { type: 'A', data: { k } }),
      );
      expect(processed).toBe(1);
      expect(fault).toMatchObject({
        kind: 'threw',
        position: 2n,
        message: expect.stringContaining('partitionBy gave'),
      });
    }
  });

  test('share a state beside their own', async () => {
    const all = await run(`fromAll().foreachStream().when({
      $init: () => ({ n: 0 }),
      $initShared: () => ({ total: 0, first: null }),
      A([own, shared], e) { own.n++; shared.total++; shared.first ??= e.stream },
      Set: ([own, shared]) => [{ n: 100 }, { ...shared, set: true }],
    }).transformBy((s) => ({ doubled: s.n * 2 }))`);
    await all.processAll(eventsOf({ type: 'A', stream: 'a' }, { type: 'A', stream: 'b' }));
    await all.processAll(eventsOf({ type: 'A', stream: 'b' }, { type: 'Set', stream: 'a' }));
    const shared = { total: 3, first: 'a', set: true };
    expect(all.states).toEqual({ '\0shared': shared, a: { n: 100 }, b: { n: 2 } });
    expect(all.result('a')).toEqual({ doubled: 200 });
    expect(all.result('\0shared')).toBeNull();
  });

  test('learn that their stream was deleted, if they ever had a state', async () => {
    const all = await run(`fromAll().foreachStream().when({
      $init: () => ({ n: 0 }), A(s) { s.n++ }, $deleted(s, e) { s.deleted = [e.stream, e.position, e.data === undefined] },
    })`);
    const events = eventsOf(
      { type: 'A', stream: 'a' },
      { type: '', stream: 'a', kind: 'deleted' },
      { type: '', stream: 'b', kind: 'deleted' },
    );
    await all.processAll(events);
    expect(all.states).toEqual({ a: { n: 1, deleted: ['a', 2, true] } });
  });
});

describe('results', () => {
  test('are what transformBy and filterBy make of a copy of the state', async () => {
    const all = await run(`fromAll().foreachStream().when({ $init: () => ({ n: 0 }), A(s) { s.n++ } })
      .filterBy((s) => s.n > 1)
      .transformBy((s) => { s.n *= 10 })
      .transformBy((s) => ({ result: s.n }))`);
    await all.processAll(eventsOf({ type: 'A', stream: 'a' }, { type: 'A', stream: 'b' }, { type: 'A', stream: 'b' }));
    expect(all.states).toEqual({ a: { n: 1 }, b: { n: 2 } });
    expect(all.result('a')).toBeNull();
    expect(all.result('b')).toEqual({ result: 20 });
  });

  test('are the states themselves where there is no transformation', async () => {
    const all = await run('fromAll().when({ A(s) { s.n = 1 } })');
    const { changed } = await all.process(eventsOf({ type: 'A' }));
    expect(changed.get('')?.result).toBe(changed.get('')?.state);
  });
});

describe('emissions', () => {
  test('are emitted events, links and copies, each with its cause and its place among the others', async () => {
    const all = await run(`fromAll().when({
      A(s, e) {
        emit('totals', 'Counted', { n: 1, text: 'ü\\u0000' }, { why: 'A' }, { tags: ['a:1'] })
        linkTo('links', e, { note: 1 })
        linkStreamTo('streams', e.stream)
        copyTo('copies', e)
      },
    })`);
    const data = new Uint8Array([0, 0xff, 0x80]);
    const [outcome] = await all.processAll(
      eventsOf(
        { type: 'B' },
        { type: 'A', stream: 'x-1', data, contentType: 'application/octet-stream', tags: ['t'], metadata: { m: 1 } },
      ),
    );
    const [emitted, link, streamLink, copy, ...none] = outcome!.emissions;
    expect(emitted).toMatchObject({
      position: 2n,
      ordinal: 0,
      kind: 'emit',
      stream: 'totals',
      type: 'Counted',
      tags: ['a:1'],
    });
    expect(jsonOf(emitted!.data)).toEqual({ n: 1, text: 'ü\0' });
    expect(jsonOf(emitted!.metadata)).toEqual({ why: 'A' });
    const target = { stream: 'x-1', revision: 0n, position: 2n };
    expect(link).toMatchObject({ position: 2n, ordinal: 1, kind: 'link', stream: 'links', type: '$>', link: target });
    expect(textOf(link!.data)).toBe('0@x-1');
    expect(jsonOf(link!.metadata)).toEqual({ note: 1 });
    expect(streamLink).toMatchObject({
      ordinal: 2,
      kind: 'link',
      stream: 'streams',
      type: '$@',
      link: { stream: 'x-1' },
    });
    expect(textOf(streamLink!.data)).toBe('x-1');
    const copied = { stream: 'copies', type: 'A', data, contentType: 'application/octet-stream', tags: ['t'] };
    expect(copy).toMatchObject({ position: 2n, ordinal: 3, kind: 'emit', ...copied });
    expect(jsonOf(copy!.metadata)).toEqual({ m: 1 });
    expect(none).toEqual([]);
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['to a system stream', "emit('$all', 'B', {})", /"\$all": names that begin with "\$"/],
    ['links to a system stream', "linkTo('$ce-x', e)", /linkTo: the stream is "\$ce-x"/],
    ['of a system type', "emit('a', '$metadata', {})", /the type is "\$metadata"/],
    ['without a stream', "emit(undefined, 'B', {})", /the stream is undefined/],
    ['without data', "emit('a', 'B')", /the data is undefined/],
    ['of data with a cycle', "const a = {}; a.a = a; emit('a', 'B', a)", /circular/],
    ['to a name that is too long', "emit('ä'.repeat(513), 'B', {})", /1026 bytes long: the limit is 1024/],
    ['to a name with a control character', "emit('a\\nb', 'B', {})", /control character/],
    ['to half a character', "emit('\\ud800', 'B', {})", /not valid Unicode/],
    ['of over-large data', "emit('a', 'B', 'x'.repeat(16 * 1024 * 1024))", /more than 16777216 bytes/],
    ['of too many events', "for (let i = 0; i < 1001; i++) emit('a', 'B', {})", /more than 1000/],
    ['with tags that are none', "emit('a', 'B', {}, null, { tags: [1] })", /the tag 1/],
    ['links to what is no event', "linkTo('a', { ...e })", /the event of a handler is expected/],
  ];
  const source = `fromAll().when({\n${refused.map(([, code], i) => `T${i}(s, e) { ${code} },`).join('\n')}\n})`;
  let all: Run;
  beforeAll(async () => {
    all = await Run.of(source);
  });
  afterAll(() => all.program.close());
  for (const [i, [what, , message]] of refused.entries()) {
    test(`are refused ${what}`, async () => {
      const { processed, fault, emissions } = await all.process(eventsOf({ type: `T${i}` }));
      expect(fault).toMatchObject({
        kind: 'threw',
        message: expect.stringMatching(message),
        line: i + 2,
        position: 1n,
      });
      expect({ processed, emissions }).toEqual({ processed: 0, emissions: [] });
    });
  }

  test('are refused by a hidden name', async () => {
    const all = await run("fromAll().when({ A(s, e) { const w = globalThis['em' + 'it']; w('a', 'B', {}) } })");
    expect(all.program.description.emits).toBe(false);
    const { fault } = await all.process(eventsOf({ type: 'A' }));
    expect(fault).toMatchObject({ kind: 'threw', message: expect.stringContaining('by its name') });
  });
});

test('log gives lines, bounded in number and length', async () => {
  const all = await run(`fromAll().when({
    A(s, e) { log('text', { a: 1 }, 5); console.log(e.type) },
    B() { for (let i = 0; i < 1000; i++) log('x'.repeat(10000)) },
  })`);
  expect((await all.process(eventsOf({ type: 'A' }))).logs).toEqual(['text {"a":1} 5', 'A']);
  const { logs } = await all.process(eventsOf({ type: 'B' }));
  expect(logs).toHaveLength(201);
  expect(logs[0]).toHaveLength(2000);
  expect(logs[200]).toContain('more than 200 lines');
});

test('a minus zero is a zero in a state that was written, whether it was held or is read again [P4]', async () => {
  const source = `fromAll().foreachStream().when({
    Set(s, e) { return { turned: Math.round(-0.2), list: [e.data.n, -0], nested: { n: -0 } } },
    Look(s) { return [s.turned, ...s.list, s.nested.n].map((n) => 1 / n < 0 ? 'minus' : 'plus') },
    Bare() { return -0 },
    LookBare(s) { return 1 / s < 0 ? 'minus' : 'plus' },
  })`;
  const set = { type: 'Set', data: new TextEncoder().encode('{"n":-0}') };
  for (const limits of [PROGRAM_LIMITS, { ...PROGRAM_LIMITS, heldStatesBytesMax: 0 }]) {
    const all = await run(source, limits);
    for (const event of eventsOf(set, { type: 'Look' })) await all.processAll([event]);
    expect(all.state('s-1')).toEqual(['plus', 'plus', 'plus', 'plus']);
    for (const event of eventsOf({ type: 'Bare' }, { type: 'LookBare' })) await all.processAll([event]);
    expect(all.state('s-1')).toBe('plus');
  }
});

test('what transformBy and filterBy write is refused, whether an event is under way or a batch has ended [P4]', async () => {
  const tells =
    "fromAll().when({ $init: () => ({ n: 0 }), A(s) { s.n++ } }).transformBy((s) => { emit('out', 'B', s); return s })";
  for (const [more, kind] of [
    ['.outputState()', 'threw'],
    ['', 'state'],
  ]) {
    for (const count of [1, 3]) {
      const all = await run(tells + more);
      const { emissions, fault } = await all.process(eventsOf(...Array.from({ length: count }, () => ({ type: 'A' }))));
      expect(fault).toMatchObject({ kind, position: 1n, message: expect.stringContaining('belongs into a handler') });
      expect(emissions).toEqual([]);
    }
  }
});
