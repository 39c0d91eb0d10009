import { onTestFinished, vi } from 'vitest';
import { LevelStore } from '../../src/storage/level-store.ts';

/** What gives the database of projections' states that a node in this process has opened last; call it before any is started. */
export function spyOnStates(): () => Promise<LevelStore> {
  const open = vi.spyOn(LevelStore, 'open');
  onTestFinished(() => open.mockRestore());
  return async () => {
    const last = open.mock.calls.findLastIndex(([path]) => path.endsWith('projections'));
    const result = open.mock.results[last];
    if (result?.type !== 'return') throw new Error('no node has opened any');
    return result.value;
  };
}
