import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { vi } from 'vitest';
import { LevelStore } from '../../src/storage/level-store.ts';

/** What stands for every step after the death of the process. */
class Died extends Error {}

/**
 * Runs something that writes to a data directory and lets the process die right before one of its steps on the disk,
 * counted from 0: from then on every step fails and changes nothing. Databases are closed all the same, as they are for
 * a process that has died. Gives the step before which it died, as text; undefined: it was done before that.
 */
export async function dyingAt(step: number, run: () => Promise<void>): Promise<string | undefined> {
  let steps = 0;
  let at: string | undefined;
  const take = (what: string) => {
    if (steps++ < step) return;
    at ??= what;
    throw new Died(`the process has died: ${at}`);
  };
  const { rename, rm, open } = files;
  const { open: openStore } = LevelStore;
  const { write, close } = LevelStore.prototype;
  const before = <T extends unknown[], R>(what: string, then: (...args: T) => Promise<R>) =>
    async function (this: unknown, ...args: T): Promise<R> {
      take(`${what} ${typeof args[0] === 'string' ? args[0] : ''}`);
      return then.apply(this, args);
    };
  const spies = [
    vi.spyOn(files, 'rename').mockImplementation(before('rename', rename)),
    vi.spyOn(files, 'rm').mockImplementation(before('rm', rm)),
    vi.spyOn(files, 'open').mockImplementation(before('open', open)),
    vi.spyOn(LevelStore, 'open').mockImplementation(before('database', openStore.bind(LevelStore))),
    vi.spyOn(LevelStore.prototype, 'write').mockImplementation(before('write', write)),
    vi.spyOn(LevelStore.prototype, 'close').mockImplementation(async function (this: LevelStore) {
      await close.call(this);
      take('close');
    }),
  ];
  syncBuiltinESMExports();
  try {
    await run();
  } catch (error) {
    if (at === undefined) throw error;
  } finally {
    for (const spy of spies) spy.mockRestore();
    syncBuiltinESMExports();
  }
  return at;
}
