import { expect, test } from 'vitest';
import { projectionAfter } from '../../src/model/projection.ts';
import { ProjectionChanges } from '../../src/projection/changes.ts';
import type { ProjectionRegistry } from '../../src/projection/registry.ts';
import { openSmallProgram } from './small-program.ts';

test('P1: of two nodes that begin a generation anew the second one finds that it stands no more, and writes nothing', async () => {
  const created = projectionAfter(
    undefined,
    'p',
    { kind: 'create', source: '{ handle: (state) => state }', onError: 'fault' },
    { revision: 0, position: 10, id: 'a' },
  );
  const reset = projectionAfter(created, 'p', { kind: 'reset' }, { revision: 1, position: 20, id: 'b' });
  const changes = new ProjectionChanges({
    registry: { find: () => reset } as unknown as ProjectionRegistry,
    openProgram: openSmallProgram,
    openRoute: () => {
      throw new Error('something is written');
    },
    linearize: async () => {},
    reached: async () => {},
  });
  const signal = new AbortController().signal;
  const again = (generation: number) =>
    changes.make('p', { kind: 'reset' }, new Uint8Array(0), signal, (known) => known.active.generation === generation);
  expect(await again(0)).toEqual({ position: 20, generation: 1, repeated: true });
  await expect(again(1)).rejects.toThrow('something is written');
});
