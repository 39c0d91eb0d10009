import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { DamageWatch } from '../../src/node/damage-watch.ts';
import type { NodeStorage } from '../../src/node/open-storage.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import type { DataDirectory } from '../../src/storage/data-directory.ts';
import { logging } from '../peer/support.ts';

const SHORT = new FactstoreError('DATA_LOSS', 'index: a block is short of rows', { database: 'index' });

/** Watches over a node whose disk takes a note when the test lets it. */
function watching() {
  const done: string[] = [];
  const disk = deferred<void>();
  const left = deferred<unknown>();
  const note = async (text: string) => {
    await disk.promise;
    done.push(text);
  };
  const damages = new DamageWatch({
    directory: { path: '/d', indexPath: '/d/index', logPath: '/d/log' } as DataDirectory,
    storage: {
      noteIndexDamage: (text: string) => note(`index: ${text}`),
      noteDamage: ({ text }: { text: string }) => note(`log: ${text}`),
    } as unknown as NodeStorage,
    logger: logging().logger,
    hasPeers: () => true,
    handOver: async () => void done.push('handed over'),
    fail: (error) => left.resolve(error),
  });
  return { damages, done, disk, left: left.promise };
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
});
