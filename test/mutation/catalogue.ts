import type { Mutant } from './mutant.ts';
import { CLIENT_MUTANTS } from './mutants/client.ts';
import { DATABASE_MUTANTS } from './mutants/database.ts';
import { ELECTION_MUTANTS } from './mutants/elections.ts';
import { MEMBERSHIP_MUTANTS } from './mutants/membership.ts';
import { PORT_MUTANTS } from './mutants/ports.ts';
import { PROJECTION_MUTANTS } from './mutants/projection.ts';
import { RECEIVED_MUTANTS } from './mutants/received.ts';
import { REPLICA_MUTANTS } from './mutants/replica.ts';
import { REPLICATION_MUTANTS } from './mutants/replication.ts';
import { SANDBOX_MUTANTS } from './mutants/sandbox.ts';
import { SCAVENGE_MUTANTS } from './mutants/scavenge.ts';
import { SEQUENCER_MUTANTS } from './mutants/sequencer.ts';
import { STORAGE_MUTANTS } from './mutants/storage.ts';
import { SUBSCRIPTION_MUTANTS } from './mutants/subscription.ts';

/** All of them, from the consensus core outwards. */
export const MUTANTS: readonly Mutant[] = [
  ...ELECTION_MUTANTS,
  ...REPLICATION_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...SEQUENCER_MUTANTS,
  ...STORAGE_MUTANTS,
  ...SCAVENGE_MUTANTS,
  ...RECEIVED_MUTANTS,
  ...REPLICA_MUTANTS,
  ...DATABASE_MUTANTS,
  ...SUBSCRIPTION_MUTANTS,
  ...PORT_MUTANTS,
  ...PROJECTION_MUTANTS,
  ...SANDBOX_MUTANTS,
  ...CLIENT_MUTANTS,
];
