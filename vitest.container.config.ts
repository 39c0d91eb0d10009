import { defineConfig } from 'vitest/config';

/** `npm run test:container`: needs a container engine and compose. */
export default defineConfig({
  test: {
    include: ['test/container/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What it starts is removed by its label, at the end of each test file, and needs no container to watch over it.
    env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
  },
});
