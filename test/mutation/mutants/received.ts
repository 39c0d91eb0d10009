import type { Mutant } from '../mutant.ts';

export const RECEIVED_MUTANTS: readonly Mutant[] = [
  {
    id: 'whole-message-uncounted',
    file: 'src/server/receive-limit.ts',
    search: 'if (this.keeps) this.kept += this.incomplete;',
    replacement: '',
    bug: 'what calls that are never ended have sent whole fills the memory of the node',
    rule: 'C8',
    test: 'server/receive-limit.test.ts',
  },
  {
    id: 'compressed-message-taken',
    file: 'src/server/receive-limit.ts',
    search: 'if (compressed) refuse',
    replacement: 'if (compressed && length > messageBytesMax) refuse',
    bug: 'a message is inflated to a thousand times of what was counted',
    rule: 'C8',
    test: 'server/receive-limit.test.ts',
  },
];
