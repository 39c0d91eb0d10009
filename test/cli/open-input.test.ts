import { constants, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { jsonLines, openPipe, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

const line = (data: number) => `${JSON.stringify({ writes: [{ stream: 's', events: [{ type: 'T', data }] }] })}\n`;
const LINES = [1, 2, 3].map(line).join('');

describe('an interruption while standard input stays open', () => {
  test.each([
    ['append', ['append', 's', '--type', 'T', '--data', '-'], '{"half"'],
    ['append, before anything came', ['append', 's', '--type', 'T', '--data', '-'], ''],
    ['import, before anything came', ['import', '-'], ''],
    ['import, within the first line', ['import', '-'], '{"writes'],
    ['projection create', ['projection', 'create', 'totals', '-'], 'fromAll()'],
    ['projection test, for the program', ['projection', 'test', '-', '--events', import.meta.filename], 'fromAll()'],
  ])('ends %s', async (_name, argv, given) => {
    const interrupt = new AbortController();
    const stdin = openPipe(given, () => interrupt.abort());
    const store = new MemoryStore();
    expect(await run(argv, { store, stdin, signal: interrupt.signal })).toMatchObject({ code: 130, err: '' });
    expect(store.judged).toBe(0);
  });

  test.each([
    ['plain', Buffer.from(`${LINES}{"writes`)],
    ['gzip', gzipSync(LINES, { finishFlush: constants.Z_SYNC_FLUSH })],
  ])('ends an import behind what is in flight, and tells how far it came (%s)', async (_name, given) => {
    const interrupt = new AbortController();
    const store = new MemoryStore();
    store.beforeAppend = () => {
      if (store.judged === 2) interrupt.abort();
    };
    const stdin = openPipe(given, () => {});
    const { code, out, err } = await run(['import', '-', '--json'], { store, stdin, signal: interrupt.signal });
    expect({ code, err }).toEqual({ code: 130, err: '' });
    expect(jsonLines(out)).toMatchObject([{ appended: 3, alreadyThere: 0 }]);
    expect(store.events).toHaveLength(3);
    expect(stdin.destroyed).toBe(true);
  });
});
