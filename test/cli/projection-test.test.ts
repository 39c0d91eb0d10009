import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonLines, openPipe, run } from './harness.ts';

const SOURCE = `fromAll().foreachStream().when({
  $init: () => ({ sum: 0 }),
  Paid(s, e) {
    s.sum += e.data.amount
    if (s.sum > 5) {
      emit('large', 'Large', { sum: s.sum, n: 12 }, { why: 'sum' }, { tags: ['a:1'] })
      linkTo('links', e)
      log('large', s.sum)
    }
  },
  Broken(s, e) { s.sum = e.data.no.thing },
})`;

const IMPORT_LINE = `{"writes":[
  {"stream":"o-1","events":[{"type":"Paid","data":{"amount":4}},{"type":"Paid","data":{"amount":4}}]},
  {"stream":"o-2","events":[{"type":"Paid","dataBase64":"${Buffer.from('{"amount":3}').toString('base64')}"}]}]}`.replaceAll(
  '\n',
  '',
);
const EVENT_LINE =
  '{"stream":"o-2","revision":5,"position":"10","id":"0b0e1f6a-6f6e-4d3b-9a62-6d0c6c0d7f11","type":"Paid","data":{"amount":1}' +
  ',"tags":["x"],"contentType":"application/json","schemaVersion":1,"created":"2026-01-01T00:00:00.123456Z"}';

describe('factstore projection test', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const tried = (events: string, ...flags: string[]) =>
    run(['projection', 'test', file('p.js'), '--events', events, ...flags]);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'factstore-projection-'));
    await writeFile(file('p.js'), SOURCE);
    await writeFile(file('events.gz'), gzipSync(`${IMPORT_LINE}\n\n${EVENT_LINE}\n`));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('prints tables of states and emissions, over lines of both formats, gzipped', async () => {
    const { code, out, err } = await tried(file('events.gz'));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'log large 8',
      'PARTITION  STATE',
      'o-1        {"sum":8}',
      'o-2        {"sum":4}',
      '',
      'AT  TO     TYPE   DATA',
      '2   large  Large  {"sum":8,"n":12}',
      '2   links  link   o-1@1',
      '4 events, 4 of them for the projection: 2 states, 2 emissions',
      '',
    ]);
  });

  test('ends when it is interrupted while standard input stays open', async () => {
    const interrupt = new AbortController();
    const stdin = openPipe(`${EVENT_LINE}\n`, () => interrupt.abort());
    const argv = ['projection', 'test', file('p.js'), '--events', '-'];
    expect(await run(argv, { stdin, signal: interrupt.signal })).toMatchObject({ code: 130, err: '' });
  });

  test('refuses a program that is not UTF-8, from a file or standard input, instead of altering it', async () => {
    const program = Buffer.from("fromAll().when({ $init: () => ({ city: 'Zürich' }) })", 'latin1');
    await writeFile(file('latin1.js'), program);
    const events = ['--events', file('events.gz')];
    const refused = (name: string) => ({ code: 2, out: '', err: `error: ${name} is not valid UTF-8\n` });
    const fromFile = await run(['projection', 'test', file('latin1.js'), ...events]);
    expect(fromFile).toEqual(refused(file('latin1.js')));
    const fromInput = await run(['projection', 'test', '-', ...events], { stdin: program });
    expect(fromInput).toEqual(refused('standard input'));
  });

  test('prints one JSON object a line for programs, from standard input', async () => {
    const stdin = `${IMPORT_LINE}\n${EVENT_LINE}`;
    const { code, out } = await run(['projection', 'test', file('p.js'), '--events', '-', '--json'], { stdin });
    expect(code).toBe(0);
    expect(jsonLines(out)).toEqual([
      {
        kind: 'emit',
        position: 2,
        stream: 'large',
        type: 'Large',
        data: { sum: 8, n: 12 },
        metadata: { why: 'sum' },
        tags: ['a:1'],
      },
      { kind: 'link', position: 2, stream: 'links', link: { stream: 'o-1', revision: 1, position: 2 } },
      { kind: 'log', text: 'large 8' },
      { kind: 'state', partition: 'o-1', state: { sum: 8 }, result: { sum: 8 } },
      { kind: 'state', partition: 'o-2', state: { sum: 4 }, result: { sum: 4 } },
      { kind: 'summary', events: 4, processed: 4, partitions: 2 },
    ]);
  });

  test('shows results where they are not the states, the state of all, and brings data up to date', async () => {
    await writeFile(
      file('results.js'),
      `fromAll().partitionBy((e) => e.type).when({
        $init: () => ({ n: 0 }), $initShared: () => ({ last: 0 }), Paid([s, all], e) { s.n++; all.last = e.data.cents },
      }).transformBy((s) => s.n * 10)`,
    );
    await writeFile(file('up.mjs'), 'export default { Paid: { 1: ({ amount }) => ({ cents: amount * 100 }) } };');
    const flags = ['--events', file('events.gz'), '--upcasters', file('up.mjs')];
    const { code, out, err } = await run(['projection', 'test', file('results.js'), ...flags]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^PARTITION +STATE +RESULT\n/);
    expect(out).toMatch(/^\(shared\) +\{"last":100\} +null$/m);
    expect(out).toMatch(/^Paid +\{"n":4\} +40$/m);
  });

  test('ends at the event that fails, with the place in the source, behind what there was before it', async () => {
    const large = '{"stream":"o-2","type":"Paid","data":{"amount":6}}';
    const stdin = `${EVENT_LINE}\n${large}\n{"stream":"o-3","type":"Broken","data":{}}`;
    const { code, out, err } = await run(['projection', 'test', file('p.js'), '--events', '-'], { stdin });
    expect(code).toBe(1);
    expect(err).toMatch(/^error: line 11, column \d+: TypeError: .*, at position 12 \(Broken, o-3@0\)\n$/);
    expect(out).toMatch(/^o-2 +\{"sum":7\}$/m);
    expect(out).toMatch(/^11 +large +Large +\{"sum":7,"n":12\}$/m);
  });

  test('refuses what is no projection with its place, and one that is not deterministic [P4]', async () => {
    await writeFile(file('bad.js'), 'fromAll()\n.when({ A( })');
    const bad = await run(['projection', 'test', file('bad.js'), '--events', file('events.gz'), '--json']);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.err)).toMatchObject({ error: { code: 'INVALID_ARGUMENT', details: { line: 2 } } });
    await writeFile(file('counts.js'), 'let n = 0; fromAll().when({ Paid(s) { s.n = ++n } })');
    const counts = await run(['projection', 'test', file('counts.js'), '--events', file('events.gz')]);
    expect(counts.code).toBe(1);
    expect(counts.err).toMatch(
      /not deterministic, at position 2 .*the state is \{"n":2\} in the one, and \{"n":1\} in/,
    );
  });

  test('names a line that is no event', async () => {
    const lines: readonly (readonly [string, RegExp])[] = [
      ['{', /line 2: is not JSON/],
      ['[]', /line 2: \[\] is not an object/],
      ['{"stream":"a"}', /line 2: event\.type: is missing/],
      ['{"stream":"a","type":"A","reversion":1}', /line 2: unknown key "reversion"; did you mean revision\?/],
      ['{"stream":"a","type":"A","revision":1.5}', /line 2: revision: 1\.5 is no whole number/],
      ['{"stream":"a","type":"A","created":"noon"}', /line 2: created: "noon" is no time/],
      ['{"stream":"a","type":"A","position":3}', /events\[1\]\.position: 3 is not behind 10/],
      ['{"writes":[]}', /line 2: writes: is empty/],
    ];
    for (const [line, message] of lines) {
      const stdin = `${EVENT_LINE}\n${line}`;
      const { code, err } = await run(['projection', 'test', file('p.js'), '--events', '-'], { stdin });
      expect(err).toMatch(message);
      expect(code).not.toBe(0);
    }
  });

  test('says what is missing', async () => {
    expect(await tried(file('none'))).toMatchObject({ code: 2, err: expect.stringContaining('there is no such file') });
    const both = await run(['projection', 'test', '-', '--events', '-']);
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining('both standard input') });
    const upcasters = await tried(file('events.gz'), '--upcasters', file('none.mjs'));
    expect(upcasters).toMatchObject({ code: 2, err: expect.stringContaining('--upcasters') });
  });
});
