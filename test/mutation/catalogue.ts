import type { Mutant } from './mutant.ts';
import { DATABASE_MUTANTS } from './mutants/database.ts';
import { RAFT_MUTANTS } from './mutants/raft.ts';
import { REPLICA_MUTANTS } from './mutants/replica.ts';
import { SEQUENCER_MUTANTS } from './mutants/sequencer.ts';
import { STORAGE_MUTANTS } from './mutants/storage.ts';
import { SUBSCRIPTION_MUTANTS } from './mutants/subscription.ts';

/** All of them, from the consensus core outwards. */
export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...SEQUENCER_MUTANTS,
  ...STORAGE_MUTANTS,
  ...REPLICA_MUTANTS,
  ...DATABASE_MUTANTS,
  ...SUBSCRIPTION_MUTANTS,
];
