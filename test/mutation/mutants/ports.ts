import type { Mutant } from '../mutant.ts';

/** What whoever reaches a port may have a node do. */
export const PORT_MUTANTS: readonly Mutant[] = [
  {
    id: 'reason-cut-within-a-character',
    file: 'src/peer/grpc.ts',
    search: '.slice(0, STATUS_TEXT_MAX).toWellFormed()',
    replacement: '.slice(0, STATUS_TEXT_MAX)',
    bug: 'a refusal that is cut within a character ends the node',
    rule: 'C8',
    test: 'peer/server.test.ts',
  },
];
