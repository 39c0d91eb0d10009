import type { PlanOptions } from './plan.ts';

/** Runs that have failed once: each found something, and is run for ever. */
export const REGRESSIONS: readonly (PlanOptions & { readonly found: string })[] = [
  {
    seed: 1035,
    found: 'a healed node whose clock had jumped by two days has to be started again before it takes appends (S15)',
  },
  {
    seed: 400519,
    found: 'a leader whose disk filled up before it had written its no-op kept leading, and nobody took appends (D1)',
  },
];

/** A few runs of each kind for every test run. */
export const ALWAYS: readonly PlanOptions[] = [
  ...[1, 4, 10, 13, 24].map((seed) => ({ seed })),
  ...[5, 7, 11].map((seed) => ({ seed, seconds: 1 })),
];
