import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['test/sim/**/*.test.ts'], pool: 'forks', maxWorkers: 2 } });
