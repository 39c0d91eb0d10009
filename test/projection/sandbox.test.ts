import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { openProgram, PROGRAM_LIMITS } from '../../src/projection/program.ts';
import { closeAll, eventsOf, jsonOf, run } from './events.ts';

afterEach(closeAll);

/** Handlers that go wrong on command, and one that counts. */
const ILL = `globalThis.EMPTY = {}
fromAll().foreachStream().when({
  $init: () => ({ n: 0 }),
  Add(s, e) { s.n++; emit('out', 'Added', { n: s.n }) },
  Throw(s, e) {
    s.n = 1000
    emit('out', 'Never', {})
    throw new TypeError('no such ' + e.data.what)
  },
  Loop() { for (;;); },
  Eat() { const eaten = []; for (;;) eaten.push(['x'.repeat(1000) + eaten.length]) },
  Regexp(s) { s.found = /(?:a|ab|b)*?c/.test('ab'.repeat(4_000_000)) },
  Link() { let last = null; for (;;) last = { last } },
  EatAndHide(s) { try { new ArrayBuffer(200 << 20) } catch (error) { s.error = error.message } },
  EatLater(s) { eat(s) },
  LoopLater(s) { count(s) },
  LoopInPromise(s) { new Promise(() => { for (;;) s.n++ }) },
  LoopInAll(s) { Promise.all({ [Symbol.iterator]() { for (;;) s.n++ } }) },
  LoopInGenerator(s) { counts(s).next() },
  Recurse() { const again = (n) => 1 + again(n); again(1) },
  Date(s) { s.when = new Date(0) },
  Missing(s) { s.customer = { name: undefined } },
  Function(s) { s.list = [() => 1] },
  Big(s) { s.big = 10n },
  Number(s) { s['a b'] = [0, NaN] },
  Cycle(s) { s.self = s },
  Twice(s, e) { s.all = [e.data]; s.last = e.data },
  Bare(s) { s.by = Object.create(null) },
  Listed(s) { s.list = [1]; s.list.total = 1 },
  Outside(s) { s.by = EMPTY },
  Getter(s) { s.all = { list: [], get size() { return this.list.length } } },
  Hidden(s) { Object.defineProperty(s, 'seen', { value: 1, writable: true, configurable: true }) },
  Fixed(s) { Object.defineProperty(s, 'seen', { value: 1, enumerable: true, configurable: true }) },
  Stack(s) { s.list = new Stack() },
  Named(s) { s[Symbol.for('x')] = 1 },
  Arguments(s) { s.given = (function () { return arguments })(1) },
  ListNamed(s) { s.list = [1]; s.list[Symbol.for('x')] = 1 },
  Large(s) { s.text = 'ä'.repeat(600) },
})
class Stack extends Array { top() { return this[this.length - 1] } }
async function count(s) { for (;;) s.n++ }
async function* counts(s) { for (;;) s.n++ }
async function eat(s) { for (let last = null; ; s.n++) last = { last } }`;

const LIMITS = { eventTimeMsMax: 300, memoryBytesMax: 32 << 20, stateBytesMax: 1_000, stuckMsMax: 1_500 };
const before = [
  { type: 'Add', stream: 'a' },
  { type: 'Add', stream: 'b' },
  { type: 'Add', stream: 'a' },
];
const behind = [{ type: 'Add', stream: 'a' }];

describe('an event that fails leaves no trace, those before it stand, and those behind it can follow', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['Throw', 'threw', /^TypeError: no such thing$/],
    ['Recurse', 'threw', /stack overflow/],
    ['Loop', 'timeLimit', /more than 300 ms/],
    ['LoopLater', 'timeLimit', /more than 300 ms/],
    ['LoopInPromise', 'timeLimit', /more than 300 ms/],
    ['LoopInAll', 'timeLimit', /more than 300 ms/],
    ['LoopInGenerator', 'timeLimit', /more than 300 ms/],
    ['Eat', 'memoryLimit', /more than 32 MiB/],
    ['Link', 'memoryLimit', /more than 32 MiB/],
    ['Regexp', 'memoryLimit', /more than 32 MiB/],
    ['EatAndHide', 'memoryLimit', /more than 32 MiB/],
    ['EatLater', 'memoryLimit', /more than 32 MiB/],
    ['Date', 'state', /state\.when is a Date/],
    ['Missing', 'state', /state\.customer\.name is undefined/],
    ['Function', 'state', /state\.list\[0\] is a function/],
    ['Big', 'state', /state\.big is a BigInt/],
    ['Number', 'state', /state\["a b"\]\[1\] is NaN/],
    ['Cycle', 'state', /contains itself/],
    ['Twice', 'state', /state\.last stands in two places/],
    ['Bare', 'state', /state\.by is an object without a prototype/],
    ['Listed', 'state', /state\.list is a list that has properties/],
    ['Outside', 'state', /state\.by cannot be changed/],
    ['Getter', 'state', /state\.all\.size is no plain property/],
    ['Hidden', 'state', /state\.seen is no plain property/],
    ['Fixed', 'state', /state\.seen is no plain property/],
    ['Stack', 'state', /state\.list is a Stack/],
    ['Named', 'state', /state has a property whose name is a symbol/],
    ['Arguments', 'state', /state\.given\.length is no plain property/],
    ['ListNamed', 'state', /state\.list is a list that has properties/],
    ['Large', 'state', /the state is 1217 bytes long.*limit is 1000/],
  ];
  for (const [type, kind, message] of cases) {
    test(`${type}: ${kind} [P4]`, async () => {
      const ill = await run(ILL, LIMITS);
      const events = eventsOf(...before, { type, stream: 'a', data: { what: 'thing' } }, ...behind);
      const { processed, emissions, fault } = await ill.process(events);
      expect(fault).toMatchObject({ kind, position: 4n, message: expect.stringMatching(message) });
      expect(processed).toBe(3);
      expect(ill.states).toEqual({ a: { n: 2 }, b: { n: 1 } });
      expect(emissions.map(({ position, data }) => [position, jsonOf(data)])).toEqual([
        [1n, { n: 1 }],
        [2n, { n: 1 }],
        [3n, { n: 2 }],
      ]);
      await ill.processAll(events.slice(4));
      expect(ill.state('a')).toEqual({ n: 3 });
    });
  }

  test('one object in the states of two partitions is found too [P4]', async () => {
    const shared = await run(`fromAll().foreachStream().when({ $init: () => ({}), $initShared: () => ({}),
      Add([s, all], e) { s.own = { n: 1 }; all.own = { n: 2 } },
      Both([s, all], e) { s.last = e.data; all.last = e.data },
    })`);
    const outside = await run('const EMPTY = {}; fromAll().foreachStream().when({ $init: () => EMPTY, Add() {} })');
    expect((await outside.process(eventsOf(...before))).fault).toMatchObject({ kind: 'state', position: 2n });
    const both = { type: 'Both', stream: 'a', data: {} };
    expect((await shared.process(eventsOf(...before, both))).fault).toMatchObject({
      kind: 'state',
      position: 4n,
      message: expect.stringMatching(/last stands in two places/),
    });
  });

  test('a thrown error tells line and column of the source', async () => {
    const ill = await run(ILL, LIMITS);
    const { fault } = await ill.process(eventsOf({ type: 'Throw' }));
    expect(fault).toMatchObject({ line: 8, column: 24 });
  });

  test('a sandbox that gives no sign of life is ended, and the event named that it was at', async () => {
    const stuck = await run(
      `fromAll().when({
        $init: () => ({ n: 0 }),
        Add(s) { s.n++ },
        Stick() { new Array(30_000_000).fill(1).join('').replaceAll('1', '2').split('') },
      })`,
      { stuckMsMax: 400, eventTimeMsMax: 60_000, memoryBytesMax: 2 ** 31 },
    );
    const { processed, fault } = await stuck.process(eventsOf(...before, { type: 'Stick' }, ...behind));
    expect(fault).toMatchObject({
      kind: 'died',
      position: 4n,
      message: expect.stringContaining('no sign of life for 400 ms'),
    });
    expect(processed).toBe(3);
    expect(stuck.state()).toEqual({ n: 3 });
    await stuck.processAll(eventsOf(...behind));
    expect(stuck.state()).toEqual({ n: 4 });
  });

  test('a state that grows fast is refused at the event that made it too large, long before the memory is full', async () => {
    const source = `fromAll().when({ $init: () => ({ text: '' }), Grow(s) { s.text += 'x'.repeat(1 << 20) } })`;
    const growing = await run(source);
    const events = eventsOf(...Array.from({ length: 500 }, () => ({ type: 'Grow' })));
    const { processed, fault } = await growing.process(events);
    expect(fault).toMatchObject({ kind: 'state', position: 16n, message: expect.stringContaining('the limit is') });
    expect(processed).toBe(15);
    expect(growing.program.memoryBytes).toBeLessThan(128 << 20);
  });

  const fast = { type: 'A', stream: 'a' };
  const slow = { type: 'Slow', stream: 'b' };
  for (const [among, list] of [
    ['alone', [slow]],
    ['the first of two', [slow, slow]],
    ['behind another', [fast, slow]],
    ['before another', [slow, fast]],
    ['between others, in their partition', [fast, { ...slow, stream: 'a' }, fast]],
  ] as const) {
    test(`transformBy that runs for too long stops at the event that made the state so, ${among} [P4]`, async () => {
      const source = `fromAll().foreachStream().when({ $init: () => ({ n: 0 }), A(s) { s.n++ }, Slow(s) { s.slow = true } })
        .transformBy((s) => { while (s.slow); return s })`;
      const ill = await run(source, { ...LIMITS, eventTimeMsMax: 100 });
      const { processed, fault } = await ill.process(eventsOf(...list));
      const at = list.findIndex(({ type }) => type === 'Slow');
      expect(fault).toMatchObject({ kind: 'timeLimit', position: BigInt(at + 1) });
      expect(processed).toBe(at);
    });
  }

  test('a result that is larger than a state may be stops at its event as such a state does [P4]', async () => {
    const source = `fromAll().foreachStream().when({ $init: () => ({ n: 0 }), Add(s) { s.n++ }, Large(s) { s.large = true } })
      .transformBy((s) => ({ text: s.large ? 'ä'.repeat(600) : 'small' }))`;
    const transformed = await run(source, LIMITS);
    const { processed, fault } = await transformed.process(
      eventsOf(...before, { type: 'Large', stream: 'a' }, ...behind),
    );
    expect(fault).toMatchObject({
      kind: 'state',
      position: 4n,
      message: 'the result is 1211 bytes long: the limit is 1000',
    });
    expect(processed).toBe(3);
    expect(transformed.states).toEqual({ a: { n: 2 }, b: { n: 1 } });
  });

  test('what transformBy throws is told with its place', async () => {
    const ill = await run(`fromAll().when({ A(s, e) { s.n = e.data.n } })\n  .transformBy((s) => s.n.toFixed(1))`);
    const { processed, fault } = await ill.process(
      eventsOf({ type: 'A', data: { n: 1 } }, { type: 'A', data: { n: 'x' } }, { type: 'A', data: { n: 'y' } }),
    );
    expect(processed).toBe(1);
    expect(fault).toMatchObject({
      kind: 'state',
      position: 2n,
      line: 2,
      message: expect.stringContaining('not a function'),
    });
  });
});

test('one that eats all of its memory does not disturb its neighbours [P4]', async () => {
  const ill = await run(ILL, { ...LIMITS, eventTimeMsMax: 10_000 });
  const neighbours = await Promise.all([run(ILL, LIMITS), run(ILL, LIMITS)]);
  const eating = ill.process(eventsOf(...before, { type: 'Eat', stream: 'a' }));
  let eaten = false;
  void eating.then(() => {
    eaten = true;
  });
  let rounds = 0;
  do {
    await Promise.all(neighbours.map((neighbour) => neighbour.processAll(eventsOf(...before))));
    rounds++;
  } while (!eaten || rounds < 3);
  expect((await eating).fault).toMatchObject({ kind: 'memoryLimit', position: 4n });
  for (const neighbour of neighbours) {
    await neighbour.processAll(eventsOf(...before));
    expect(neighbour.states).toEqual({ a: { n: 2 * (rounds + 1) }, b: { n: rounds + 1 } });
  }
});

test('one finds nothing of those that its thread ran before [P4]', async () => {
  const leave = `var left = 1; Array.prototype.left = 2; Object.prototype.left = 3
    fromAll().when({ A(s, e) { emit('out', 'B', {}); s.n = 1 } })`;
  // More than there are threads that are kept.
  for (let n = 0; n < 3; n++) {
    const program = await openProgram(leave);
    await program.process(eventsOf({ type: 'A' }), async () => new Map());
    await program.close();
  }
  const next = await run(
    'fromAll().when({ A(s, e) { s.found = [typeof left, typeof [].left, typeof {}.left, s.n ?? 0] } })',
  );
  const [outcome] = await next.processAll(eventsOf({ type: 'A' }));
  expect(next.state()).toEqual({ found: ['undefined', 'undefined', 'undefined', 0] });
  expect(outcome?.emissions).toEqual([]);
});

describe('what differs from node to node and from run to run is not there [P4]', () => {
  const refused = [
    'Date.now()',
    'new Date()',
    'Date()',
    'Math.random()',
    'performance.now()',
    'setTimeout(() => {}, 1)',
    'crypto.randomUUID()',
    "fetch('http://localhost')",
    'new WeakRef({})',
    'new FinalizationRegistry(() => {})',
    'new (new Date(0).constructor)()',
    'new Proxy({}, {})',
  ];
  test('and says why', async () => {
    const all = await run(`fromAll().when({ ${refused.map((code, i) => `T${i}() { ${code} }`).join(',\n')} })`);
    for (const i of refused.keys()) {
      const { fault } = await all.process(eventsOf({ type: `T${i}` }));
      expect(fault).toMatchObject({ kind: 'threw', message: expect.stringContaining('must come to the same result') });
      expect(fault?.line).toBe(i + 1);
    }
  });

  test('neither is what would let a handler remember anything outside of states', async () => {
    const attempts = [
      'counter++',
      'cache.a = 1',
      'globalThis.a = 1',
      'Array.prototype.last = 1',
      'Object.prototype.x = 1',
      'Object.prototype.toString = 1',
      'Math.random = () => 1',
      'Date.now = () => 1',
      'e.constructor.prototype.x = 1',
      'Object.getPrototypeOf(function* () {}).x = 1',
      'undeclared = 1',
      'emit = () => {}',
    ];
    const all = await run(`var counter = 0; var cache = {};
      fromAll().when({ ${attempts.map((code, i) => `T${i}(s, e) { ${code} }`).join(', ')} })`);
    for (const i of attempts.keys()) {
      const { fault } = await all.process(eventsOf({ type: `T${i}` }));
      expect({ code: attempts[i], kind: fault?.kind }).toEqual({ code: attempts[i], kind: 'threw' });
    }
  });

  test('but objects may have properties that are named like inherited ones', async () => {
    const all = await run(`class Refused extends Error { constructor() { super('no'); this.name = 'Refused' } }
      fromAll().when({ A(s, e) {
        for (const word of ['constructor', 'toString', 'valueOf', 'hasOwnProperty']) s[word] = word
        try { throw new Refused() } catch (error) { s.caught = error.name }
      } })`);
    await all.processAll(eventsOf({ type: 'A' }));
    const words = {
      constructor: 'constructor',
      toString: 'toString',
      valueOf: 'valueOf',
      hasOwnProperty: 'hasOwnProperty',
    };
    expect(all.state()).toEqual({ ...words, caught: 'Refused' });
  });

  test('and dates are in UTC, wherever the node is', async () => {
    const script = `
      import { openProgram } from ${JSON.stringify(fileURLToPath(new URL('../../src/projection/program.ts', import.meta.url)))};
      import { eventsOf, textOf } from ${JSON.stringify(fileURLToPath(new URL('./events.ts', import.meta.url)))};
      const program = await openProgram(\`fromAll().when({ A(s, e) {
        s.dates = [new Date(2025, 6, 1), new Date('2025-07-01T12:00'), new Date(e.created)].map((d) => [d.toISOString(), String(d)])
        s.hours = new Date(e.created).getHours()
      } })\`);
      const { changed } = await program.process(eventsOf({ type: 'A' }), async () => new Map());
      console.log(textOf(changed.get('').state));
      await program.close();`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const env = { ...process.env, TZ: 'America/New_York' };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(JSON.parse(stdout)).toEqual({
      dates: [
        ['2025-07-01T00:00:00.000Z', 'Tue Jul 01 2025 00:00:00 GMT+0000'],
        ['2025-07-01T12:00:00.000Z', 'Tue Jul 01 2025 12:00:00 GMT+0000'],
        ['2025-11-25T12:00:00.000Z', 'Tue Nov 25 2025 12:00:00 GMT+0000'],
      ],
      hours: 12,
    });
  });
});

describe('states', () => {
  const COUNT = 'fromAll().foreachStream().when({ $init: () => ({ n: 0, pad: "x".repeat(900) }), A(s) { s.n++ } })';
  const events = (count: number) =>
    eventsOf(...Array.from({ length: count }, (_, i) => ({ type: 'A', stream: `s-${i}` })));

  test('are asked for once, as long as they are held', async () => {
    const all = await run(COUNT);
    await all.processAll(events(10));
    await all.processAll(events(10));
    expect(all.asked.flat()).toHaveLength(10);
    expect(new Set(Object.values(all.states).map((state) => (state as { n: number }).n))).toEqual(new Set([2]));
  });

  test('are held up to a bound, those that were used last, and loaded again behind it', async () => {
    const all = await run(COUNT, { heldStatesBytesMax: 60_000 });
    await all.processAll(events(100));
    all.asked.length = 0;
    await all.processAll(events(100).slice(95));
    expect(all.asked).toEqual([]);
    await all.processAll(events(100).slice(0, 50));
    expect(all.asked.flat()).toEqual(Array.from({ length: 50 }, (_, i) => `s-${i}`));
    expect(all.state('s-0')).toMatchObject({ n: 2 });
    expect(all.state('s-60')).toMatchObject({ n: 1 });
    expect(all.state('s-99')).toMatchObject({ n: 2 });
  });

  test('by the ten thousand do not fill the memory', async () => {
    const all = await run(COUNT, { memoryBytesMax: 16 << 20, heldStatesBytesMax: 2 << 20 });
    for (let from = 0; from < 20_000; from += 1_000) {
      const batch = events(1_000).map((event, i) => ({
        ...event,
        stream: `s-${from + i}`,
        position: BigInt(from + i + 1),
      }));
      await all.processAll(batch);
    }
    expect(all.stored.size).toBe(20_000);
  });

  test('that cannot be loaded end the call, and the program goes on', async () => {
    const program = await openProgram(COUNT, PROGRAM_LIMITS);
    await expect(program.process(events(2), () => Promise.reject(new Error('disk')))).rejects.toThrow('disk');
    const { changed } = await program.process(events(2), async () => new Map());
    expect([...changed.keys()]).toEqual(['s-0', 's-1']);
    await program.close();
  });

  test('of many emissions come in pieces, none lost and none doubled', async () => {
    const all = await run("fromAll().when({ A(s, e) { for (let i = 0; i < 900; i++) emit('out', 'B', { i }) } })");
    const outcomes = await all.processAll(events(30));
    expect(outcomes.length).toBeGreaterThan(1);
    expect(outcomes.reduce((sum, { emissions }) => sum + emissions.length, 0)).toBe(30 * 900);
  });
});
