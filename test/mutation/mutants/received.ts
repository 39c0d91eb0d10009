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
  {
    id: 'reads-ahead-while-held-back',
    file: 'src/server/append-stream.ts',
    search: 'if (state) state.highWaterMark = 0;',
    replacement: 'if (state) state.highWaterMark = 16;',
    bug: 'each call of appends that is held back holds 64 MiB that nobody counts',
    rule: 'C8',
    test: 'server/append-stream-reading.test.ts',
  },
  {
    id: 'trickle-keeps-room',
    file: 'src/server/append-stream.ts',
    search: 'Math.min(CHUNK_MS_MAX, leftMs)',
    replacement: 'CHUNK_MS_MAX',
    bug: 'a byte every 30 s keeps the room of 17 MiB for ever',
    rule: 'C8',
    test: 'server/append-stream.test.ts',
  },
];
