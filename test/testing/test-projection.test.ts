import { describe, expect, test } from 'vitest';
import { type TestEvent, testProjection } from '../../src/testing/index.ts';

const paid = (amount: number, stream = 'order-1'): TestEvent => ({ stream, type: 'Paid', data: { amount } });

describe('testProjection', () => {
  test('gives states, results, emissions and lines of the log', async () => {
    const source = `fromAll().foreachStream().when({
      $init: () => ({ sum: 0 }),
      $initShared: () => ({ all: 0 }),
      Paid([order, shared], e) {
        order.sum += e.data.amount
        shared.all += e.data.amount
        if (order.sum > 10) emit('large-orders', 'LargeOrder', { order: e.stream }, { why: 'sum' }, { tags: ['a:1'] })
        linkTo('payments', e)
        linkStreamTo('payers', e.stream)
        log('paid', e.data.amount)
      },
    }).filterBy((s) => s.sum > 10).transformBy((s) => s.sum)`;
    const tested = await testProjection(source, [paid(4), paid(20, 'order-2')]);
    expect(tested.states).toEqual(
      new Map([
        ['order-1', { sum: 4 }],
        ['order-2', { sum: 20 }],
      ]),
    );
    expect(tested.results).toEqual(new Map([['order-2', 20]]));
    expect(tested).toMatchObject({
      state: undefined,
      result: undefined,
      shared: { all: 24 },
      logs: ['paid 4', 'paid 20'],
    });
    const common = { metadata: undefined, tags: [], type: 'Link', kind: 'link', data: undefined };
    expect(tested.emissions).toEqual([
      { ...common, position: 1n, stream: 'payments', link: { stream: 'order-1', revision: 0n } },
      { ...common, position: 1n, stream: 'payers', link: { stream: 'order-1', revision: undefined } },
      {
        position: 2n,
        kind: 'emit',
        stream: 'large-orders',
        type: 'LargeOrder',
        data: { order: 'order-2' },
        metadata: { why: 'sum' },
        tags: ['a:1'],
        link: undefined,
      },
      { ...common, position: 2n, stream: 'payments', link: { stream: 'order-2', revision: 0n } },
      { ...common, position: 2n, stream: 'payers', link: { stream: 'order-2', revision: undefined } },
    ]);
  });

  test('gives events the places that a store would give them, or those that they have', async () => {
    const source = `fromAll().when({ $init: () => [], $any(s, e) { s.push([e.position, e.revision, e.created, e.id]) } })`;
    const id = '0b0e1f6a-6f6e-4d3b-9a62-6d0c6c0d7f11';
    const created = new Date('2026-11-25T12:00:00.000Z');
    const { state } = await testProjection(source, [
      { stream: 'a', type: 'A' },
      { stream: 'b', type: 'A', revision: 7, position: 12n, id, created },
      { stream: 'b', type: 'A' },
    ]);
    expect(state).toEqual([
      [1, 0, '2000-01-01T00:00:00.000000Z', '00000000-0000-8000-8000-000000000001'],
      [12, 7, '2026-11-25T12:00:00.000000Z', id],
      [13, 8, '2026-11-25T12:00:01.000000Z', '00000000-0000-8000-8000-00000000000d'],
    ]);
  });

  const sources: readonly (readonly [string, readonly string[]])[] = [
    ['fromAll()', ['order-1', 'cart-1']],
    ["fromStream('cart-1')", ['cart-1']],
    ["fromStream('$settings')", ['$settings']],
    ["fromStreams('$ce-order', '$et-Set')", ['order-1']],
    ["fromCategory('order')", ['order-1']],
    ["fromQuery({ types: ['Paid'], tags: ['vip'] })", ['cart-1']],
  ];
  for (const [selector, streams] of sources) {
    test(`gives a projection the events of ${selector} alone`, async () => {
      const source = `${selector}.when({ $init: () => [], $any(s, e) { s.push(e.stream) } })`;
      const { state } = await testProjection(source, [
        paid(1),
        { ...paid(2, 'cart-1'), tags: ['vip', 'x'] },
        { stream: '$settings', type: 'Set' },
      ]);
      expect(state).toEqual(streams);
    });
  }

  test('tells of deletions, as they stand in a store', async () => {
    const source = `fromCategory('order').foreachStream().when({ Paid(s) { s.paid = true }, $deleted(s) { s.gone = true } })`;
    const gone = (stream: string): TestEvent => ({ stream: `$$${stream}`, type: '$streamDeleted' });
    const { states } = await testProjection(source, [paid(1), paid(1, 'cart-1'), gone('cart-1'), gone('order-1')]);
    expect(states).toEqual(new Map([['order-1', { paid: true, gone: true }]]));
  });

  test('brings data to the newest version first, with the upcasters of the program', async () => {
    const upcasters = { Paid: { 1: ({ amount }: { amount: number }) => ({ cents: amount * 100 }) } };
    const source = 'fromAll().when({ $init: () => [], Paid(s, e) { s.push(e.data.cents) } })';
    const events = [paid(3), { ...paid(0), data: { cents: 5 }, schemaVersion: 2 }];
    expect((await testProjection(source, events, { upcasters })).state).toEqual([300, 5]);
  });

  test('takes events as they come, by the thousand', async () => {
    async function* events() {
      for (let n = 0; n < 3_456; n++) yield paid(1, `order-${n % 7}`);
    }
    const { state } = await testProjection('fromAll().when({ $init: () => ({ n: 0 }), Paid(s) { s.n++ } })', events());
    expect(state).toEqual({ n: 3_456 });
  });
});

describe('testProjection refuses', () => {
  test('what is no projection, with its place', async () => {
    const failing = testProjection('fromAll()\n  .when({ A( })', []);
    await expect(failing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { line: 2, field: 'source' } });
  });

  test('a handler that throws, with its place and its event', async () => {
    const failing = testProjection('fromAll().when({\n  Paid(s, e) { s.sum += e.data.price.net }\n})', [paid(1)]);
    await expect(failing).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/^line 2, column \d+: TypeError: .*, at position 1 \(Paid, order-1@0\)$/),
      details: { kind: 'threw', position: 1n, line: 2 },
    });
  });

  test('events that cannot be', async () => {
    const source = 'fromAll().when({})';
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const cases: readonly (readonly [TestEvent, RegExp])[] = [
      [{ stream: '', type: 'A' }, /^events\[1\]\.stream/],
      [{ stream: 'a', type: 5 as unknown as string }, /^events\[1\]\.type/],
      [{ stream: 'a', type: 'A', data: cyclic }, /^events\[1\]\.data: cannot be written as JSON/],
      [{ stream: 'a', type: 'A', position: 1 }, /^events\[1\]\.position: 1 is not behind 1/],
      [{ stream: 'a', type: 'A', id: 'x' }, /^events\[1\]\.id: "x" is not a UUID/],
    ];
    for (const [event, message] of cases) {
      await expect(testProjection(source, [paid(1), event])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(message),
      });
    }
  });
});

describe('testProjection finds what depends on more than events and states [P4]', () => {
  const kept: Readonly<Record<string, string>> = {
    'a variable': 'let count = 0; fromAll().when({ Paid(s) { s.n = ++count } })',
    'a Map': 'const seen = new Map(); fromAll().when({ Paid(s, e) { s.again = seen.has(1); seen.set(1, e) } })',
    'a Set that decides what is emitted': `const seen = new Set();
      fromAll().when({ Paid(s, e) { if (!seen.has(1)) emit('first', 'First', {}); seen.add(1) } })`,
    'a typed array': 'const a = new Uint8Array(1); fromAll().when({ Paid(s) { s.n = a[0]++ } })',
    'a closure': `const next = (() => { let n = 0; return () => n++ })();
      fromAll().partitionBy(() => 'p' + next()).when({ Paid(s) { s.seen = true } })`,
    'a generator':
      'const ids = (function* () { for (let n = 0; ; n++) yield n })(); fromAll().when({ Paid(s) { s.id = ids.next().value } })',
    'a regular expression with a place': 'const r = /a/g; fromAll().when({ Paid(s) { s.found = r.test("a") } })',
    'an error': 'let n = 0; fromAll().when({ Paid(s) { if (n++) throw new Error("again") } })',
  };
  for (const [what, source] of Object.entries(kept)) {
    test(`${what}`, async () => {
      await expect(testProjection(source, [paid(1), paid(2)])).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringMatching(/^the projection is not deterministic, at position \d \(Paid, order-1@\d\): /),
        details: { kind: 'nondeterministic' },
      });
    });
  }

  test('also far behind the first events, where it looks at many at once', async () => {
    const source = 'let n = 0; fromAll().when({ $any(s, e) { n = e.position }, Late(s) { s.last = n } })';
    const events = Array.from({ length: 1_500 }, (_, i) => ({ stream: 'a', type: i === 1_000 ? 'Late' : 'A' }));
    await expect(testProjection(source, events)).rejects.toThrow(/not deterministic, between positions 1001 and/);
  });
});
