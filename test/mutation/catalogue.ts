import type { Mutant } from './mutant.ts';
import { RAFT_MUTANTS } from './mutants/raft.ts';

export const MUTANTS: readonly Mutant[] = [...RAFT_MUTANTS];
