import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultKind, oneOf, victim } from './fault.ts';

/** Within what is warned of, and beyond what a leader may have (rule S15); forwards and back. */
const SHIFTS_SECONDS = [-90, -20, -2, 0.3, 3, 30, 120];

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`,
);

/** The wall clock of a node jumps, and later jumps back. Its monotonic clock goes on. */
export const clockShift: FaultKind = {
  name: 'clock',
  restarts: true,
  unavailable: async () => (library() === undefined ? "Debian's libfaketime is not installed" : undefined),
  draw(stage) {
    const { cluster, random, scratch, together } = stage;
    const node = victim(stage);
    const seconds = oneOf(random, SHIFTS_SECONDS);
    const file = join(scratch, `clock-${node.id}`);
    const set = async (text: string) => {
      // Whole or not at all: the node reads it at any moment.
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    return {
      what: `clock of ${node.id} ${seconds > 0 ? 'ahead' : 'back'} by ${Math.abs(seconds)} s`,
      begin: async () => {
        await set('+0');
        await cluster.end(node, 'SIGTERM');
        cluster.start(node, {
          LD_PRELOAD: library(),
          FAKETIME_TIMESTAMP_FILE: file,
          FAKETIME_CACHE_DURATION: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
          DONT_FAKE_MONOTONIC: '1',
        });
        await together(node);
        await set(`${seconds > 0 ? '+' : ''}${seconds}`);
      },
      heal: async () => {
        await set('+0');
        await cluster.end(node, 'SIGTERM');
        cluster.start(node);
      },
    };
  },
};

function library(): string | undefined {
  return LIBRARIES.find((path) => existsSync(path));
}
