import type { Mutant } from '../mutant.ts';

export const SERVER_MUTANTS: readonly Mutant[] = [
  {
    id: 'dead-streams-answered',
    file: 'src/server/listener.ts',
    search: '    skipDeadStreams(grpc);\n',
    replacement: '',
    bug: 'one packet with a call and its reset ends the process',
    rule: 'C8',
    test: 'server/listener.test.ts',
  },
];
