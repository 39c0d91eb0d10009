import { defineConfig } from 'vitest/config';

/** `npm run test:processes`: real nodes that are killed, upgraded, attacked and replaced, which takes its time. */
export const PROCESS_TESTS: readonly string[] = [
  'test/deploy/scaling.test.ts',
  'test/e2e/attacks.test.ts',
  'test/e2e/cluster-stop.test.ts',
  'test/e2e/damage-matrix.test.ts',
  'test/e2e/damaged-log.test.ts',
  'test/e2e/examples.test.ts',
  'test/e2e/feature-level.test.ts',
  'test/e2e/full-disk.test.ts',
  'test/e2e/hostile-frames.test.ts',
  'test/e2e/integrity.test.ts',
  'test/e2e/local-cluster.test.ts',
  'test/e2e/lost-promises.test.ts',
  'test/e2e/membership-processes.test.ts',
  'test/e2e/membership.test.ts',
  'test/e2e/projections-history.test.ts',
  'test/e2e/recover.test.ts',
  'test/e2e/scavenge-kills.test.ts',
  'test/e2e/scavenge.test.ts',
  'test/e2e/state-fetch-kills.test.ts',
  'test/e2e/state-fetch.test.ts',
];

export default defineConfig({
  test: {
    include: [...PROCESS_TESTS],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
