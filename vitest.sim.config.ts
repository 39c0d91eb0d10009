import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/sim/{raft,many,mutated}.test.ts'], pool: 'forks', maxWorkers: 2 },
});
