import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { jsonLines, run } from './harness.ts';
import { MemoryStore } from './memory-store.ts';

let source: MemoryStore;
let target: MemoryStore;

beforeEach(async () => {
  source = new MemoryStore();
  target = new MemoryStore();
  await write(0, 5);
});

/** Appends an event of each number to the source, to three streams in turn. */
async function write(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    const events = [{ id: randomUUID(), type: 'Counted', data: Buffer.from(String(n)) }];
    await source.append([{ stream: `s-${n % 3}`, expect: 'any', events }], { appendId: randomUUID() });
  }
}

/** Takes the first events out of the source, as retention does. */
function hide(count: number): void {
  source.events.splice(0, count);
}

/** `factstore export | factstore import -`, and what the export has told. */
async function copy(exporting: readonly string[] = [], importing: readonly string[] = []) {
  const exported = await run(['export', '--json', ...exporting], { store: source });
  expect(exported.code).toBe(0);
  const imported = await run(['import', '-', '--json', ...importing], { store: target, stdin: exported.out });
  // As if it had been long ago.
  target.forgetAppendIds();
  return { ...imported, told: jsonLines(exported.err)[0] };
}

const numbers = (store: MemoryStore) => store.events.map(({ data }) => Number(Buffer.from(data).toString()));

describe('an export that is imported again', () => {
  test('S7: adds what has come since, as long as its beginning stays', async () => {
    expect(await copy()).toMatchObject({ code: 0 });
    await write(5, 7);
    const again = await copy();
    expect(jsonLines(again.out)).toMatchObject([{ appended: 2, alreadyThere: 5 }]);
    expect(numbers(target)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test.each([
    ['without a name', [], []],
    ['under a name', ['--id', 'copy'], ['--id', 'copy']],
    ['under another name', ['--id', 'copy'], ['--id', 'other']],
  ])('S7: is refused once its beginning has changed, and doubles nothing: %s', async (_name, first, second) => {
    expect(await copy([], first)).toMatchObject({ code: 0 });
    hide(2);
    await write(5, 7);
    const { code, err } = await copy([], second);
    expect(code).toBe(1);
    expect(jsonLines(err)).toMatchObject([{ error: { code: 'FAILED_PRECONDITION', definite: true } }]);
    expect(err).toContain('factstore export --after POSITION');
    expect(numbers(target)).toEqual([0, 1, 2, 3, 4]);
  });

  test('S7: is refused by the store that it came from', async () => {
    target = source;
    source.forgetAppendIds();
    expect(await copy()).toMatchObject({ code: 1 });
    expect(numbers(source)).toEqual([0, 1, 2, 3, 4]);
  });

  test('is taken beside another one, of other streams', async () => {
    expect(await copy(['s-0'])).toMatchObject({ code: 0 });
    expect(await copy(['s-1'])).toMatchObject({ code: 0 });
    expect(numbers(target)).toEqual([0, 3, 1, 4]);
    const { err } = await copy();
    expect(err).toContain('is in the store already, at revision 0 of');
  });
});

describe('an export of what stands behind a position', () => {
  test('S7: makes a copy part by part, whatever the source hides meanwhile', async () => {
    const first = await copy([], ['--id', 'part-0']);
    expect(first.told).toEqual({ events: 5, lines: 5, position: 5 });
    hide(4);
    await write(5, 7);
    // What the memory store calls its positions follows from how many events it has; a node never gives one again.
    for (const [n, event] of source.events.entries()) Object.assign(event, { position: BigInt(5 + n) });
    const second = await copy(['--after', '5'], ['--id', 'part-5']);
    expect(second).toMatchObject({ code: 0, told: { events: 2, lines: 2, position: 7 } });
    expect(numbers(target)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const repeated = await copy(['--after', '5'], ['--id', 'part-5']);
    expect(jsonLines(repeated.out)).toMatchObject([{ appended: 0, alreadyThere: 2 }]);
    const nothing = await copy(['--after', '7'], ['--id', 'part-7']);
    expect(nothing).toMatchObject({ code: 0, told: { events: 0, lines: 0, position: 7 } });
  });

  test('S7: is refused where it begins before what was imported', async () => {
    await copy([], ['--id', 'part-0']);
    expect(await copy(['--after', '3'], ['--id', 'part-3'])).toMatchObject({ code: 1 });
    expect(numbers(target)).toEqual([0, 1, 2, 3, 4]);
  });

  test('tells people the position, too', async () => {
    const { err } = await run(['export', 's-0', '--after', '1'], { store: source });
    expect(err).toBe('1 events in 1 lines, up to position 4\n');
  });

  test('names a position that is none', async () => {
    const none = await run(['export', '--after', '-1'], { store: source });
    expect(none).toMatchObject({ code: 2, out: '', err: 'error: --after: "-1" is not a whole number\n' });
    const beyond = await run(['export', '--after', '6'], { store: source });
    expect(beyond).toMatchObject({ code: 1, out: '' });
    expect(beyond.err).toBe('error: --after: position 6 is beyond the last one of this store, 5\n');
  });
});
