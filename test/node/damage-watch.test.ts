import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { DamageWatch } from '../../src/node/damage-watch.ts';
import type { NodeStorage } from '../../src/node/open-storage.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { type Damage, damageError } from '../../src/storage/damage.ts';
import type { DataDirectory } from '../../src/storage/data-directory.ts';
import { logging } from '../peer/support.ts';

const SHORT = new FactstoreError('DATA_LOSS', 'index: a block is short of rows', { database: 'index' });

const LOST: Damage = { kind: 'belowCommit', index: 40, text: 'entry 40: its checksum is wrong' };

/** Watches over a node whose disk takes a note when the test lets it, and which others can mend, or not. */
function watching(mayBeMended = true, mayAsk = true, known: { damage?: Damage; returning?: boolean } = {}) {
  const done: string[] = [];
  const disk = deferred<void>();
  const left = deferred<unknown>();
  const note = async (text: string) => {
    await disk.promise;
    done.push(text);
  };
  const { logger, lines } = logging();
  const storage = {
    damage: known.damage,
    noteIndexDamage: (text: string) => note(`index: ${text}`),
    noteDamage: ({ text }: { text: string }) => note(`log: ${text}`),
  } as unknown as NodeStorage;
  const damages = new DamageWatch({
    directory: { path: '/d', indexPath: '/d/index', logPath: '/d/log' } as DataDirectory,
    storage,
    logger,
    returning: known.returning ?? false,
    mayBeMended: ({ index }) => mayBeMended && index === LOST.index,
    mayAsk: () => mayAsk,
    handOver: async () => void done.push('handed over'),
    fail: (error) => left.resolve(error),
  });
  return { damages, storage, done, disk, lines, left: left.promise };
}

describe('damage that a running node meets', () => {
  test('in the index is on the disk before leadership is handed over, which may take its time [D5]', async () => {
    const { damages, done, disk, left } = watching();
    damages.index(SHORT);
    disk.resolve();
    expect(await left).toBe(SHORT);
    expect(done).toEqual([`index: ${SHORT.message}`, 'handed over']);
  });

  test('and by which it ends at once is on the disk before anybody hears that it has ended [D5]', async () => {
    const { damages, done, disk } = watching();
    damages.end(SHORT);
    const noted = damages.noted.then(() => done.push('noted'));
    disk.resolve();
    await noted;
    expect(done).toEqual([`index: ${SHORT.message}`, 'noted']);
  });

  test('in the log is mended at the next start where others may have what is lost [D7]', async () => {
    const { damages, done, disk, left } = watching();
    damages.log(LOST);
    disk.resolve();
    expect(await left).toMatchObject({ code: 'DATA_LOSS', details: { index: LOST.index } });
    expect(done).toEqual([`log: ${LOST.text}`, 'handed over']);
  });

  test('in the log ends nothing where nobody has what is lost [D7]', async () => {
    const { damages, done, disk, lines } = watching(false);
    // A learner that lacks it asks once a second.
    for (let asked = 0; asked < 3; asked++) damages.log(LOST);
    disk.resolve();
    await damages.noted;
    expect([done, lines.map(({ event }) => event)]).toEqual([[], ['log.damaged']]);
  });

  test('in the log, by which it ends while nobody else is known to have it, is asked for at the next start [D7]', async () => {
    for (const [mayAsk, noted] of [
      [true, [`log: ${LOST.text}`]],
      [false, []],
    ] as const) {
      const { damages, done, disk } = watching(false, mayAsk);
      damages.log(LOST);
      damages.end(damageError('/d', LOST));
      disk.resolve();
      await damages.noted;
      expect(done).toEqual(noted);
    }
  });

  test('is counted once, be it met by a read, by the start before it is mended, or by a return [D5, D7]', () => {
    const { damages: alone } = watching(false);
    expect(alone.count).toBe(0);
    for (let asked = 0; asked < 3; asked++) alone.log(LOST);
    expect(alone.count).toBe(1);
    const { damages: short } = watching();
    for (let met = 0; met < 3; met++) short.index(SHORT);
    expect(short.count).toBe(1);
    expect(watching(true, true, { damage: LOST }).damages.count).toBe(1);
    expect(watching(true, true, { returning: true }).damages.count).toBe(1);
    const { damages: rebuilt, storage } = watching();
    storage.onIndexRebuilt();
    expect(rebuilt.count).toBe(1);
  });
});
