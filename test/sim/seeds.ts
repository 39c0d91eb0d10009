import type { PlanOptions } from './plan.ts';

/** Runs that have failed once: each found something, and is run for ever. */
export const REGRESSIONS: readonly (PlanOptions & { readonly found: string })[] = [
  {
    seed: 400519,
    found: 'a leader whose disk filled up before it had written its no-op kept leading, and nobody took appends (D1)',
  },
  {
    seed: 401445,
    found: 'a leader whose clock had jumped by two days refused every append and led on (S15)',
  },
  {
    seed: 500743,
    found: 'a leader that got nothing committed led on, because followers that could not write answered its heartbeats',
  },
  {
    seed: 501445,
    found:
      'the only node that could be elected did not ask for votes, because of clocks that it had heard long ago (S15)',
  },
  {
    seed: 1003355,
    found: 'a leader whose disk was full could not hand over: the target never got what waited for that disk (D1)',
  },
  {
    seed: 1011327,
    found: 'a false alarm: a node mended its log, and the simulation held its index, damaged as well, for sound',
  },
  {
    seed: 3011999,
    found:
      'a false alarm: a clock jumped while its node started, and the simulation did not start it again when it was set right',
  },
  {
    seed: 1449,
    profile: 'members',
    without: ['oust'],
    found:
      'a former voter with the longest log knew that it must not campaign, and the only voter did not know that it is one',
  },
  ...[2151, 2247].map((seed) => ({
    seed,
    profile: 'members' as const,
    found: 'a leader that had made itself a learner, and alone knew it, had the longest log and never stood again',
  })),
];

/** A few runs of each kind for every test run. */
export const ALWAYS: readonly PlanOptions[] = [
  ...[1, 4, 10, 13, 24].map((seed) => ({ seed })),
  ...[5, 7, 11].map((seed) => ({ seed, seconds: 1 })),
  ...[3, 8, 21].map((seed) => ({ seed, profile: 'members' as const })),
];
