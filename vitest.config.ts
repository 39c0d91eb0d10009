import { defineConfig } from 'vitest/config';
import { PROCESS_TESTS } from './vitest.processes.config.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those run longer than everybody's `npm test` should: `npm run test:sim`, `npm run test:processes`,
    // `npm run test:container`.
    exclude: [
      'test/sim/raft.test.ts',
      'test/sim/many.test.ts',
      'test/sim/mutated.test.ts',
      'test/container/**',
      ...PROCESS_TESTS,
      'node_modules/**',
    ],
    pool: 'forks',
    maxWorkers: 2,
    // No test leaves anything behind in a module; loading all of them anew for each file takes a fifth of the time.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
