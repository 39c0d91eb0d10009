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
  {
    id: 'reflection-reads-on',
    file: 'src/server/reflection.ts',
    search: 'call.pause();',
    replacement: '',
    bug: 'what the questions of a client that takes no answer come to is kept',
    rule: 'C8',
    test: 'server/reflection.test.ts',
  },
  {
    id: 'long-name-kept',
    file: 'src/server/short-requests.ts',
    search: 'bytes.length > REQUEST_BYTES_MAX ?',
    replacement: 'bytes.length < 0 ?',
    bug: 'a name of any length is kept as long as somebody watches it',
    rule: 'C8',
    test: 'server/health.test.ts',
  },
  {
    id: 'stop-waits-for-idle-connections',
    file: 'src/server/listener.ts',
    search: 'for (const socket of this.timers.keys()) socket.destroy();',
    replacement: 'this.http.closeIdleConnections();',
    bug: 'a stop takes all the time that it may where somebody keeps an idle connection',
    rule: 'C8',
    test: 'server/listener.test.ts',
  },
  {
    id: 'invalid-frames-end-the-connection',
    file: 'src/server/listener.ts',
    search: '    surviveInvalidFrames(grpc);\n',
    replacement: '',
    bug: 'whoever sends a thousand invalid frames ends the node, by an assertion of Node.js',
    rule: 'C8',
    test: 'server/listener.test.ts',
  },
];
