import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TestNodes } from '../support/test-node.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLES = join(ROOT, 'test', 'examples');

/** What each example says at its end; every one checks its own invariant and fails where it does not hold. */
const SAYS: Readonly<Record<string, RegExp>> = {
  'bank-transfer.ts': /^\d+ of 50 transfers were paid\nrefused: account-bob has moved on$/,
  'course-capacity.ts': /subscribed: \d+/,
  'erasure.ts': /^2 of 4 messages are left, on (1 node|3 nodes)$/,
  'projections.ts': /^CustomerBecameLarge \{"customer":"ada"\}$/,
  'schema-evolution.ts': /^Byron King, King, Lovelace; an old program sees versions 1, 2, 3$/,
  'streams.ts': /^\$streamMetadata \$streamMetadata \$streamTruncated \$streamDeleted \$streamTombstoned\ntombstoned$/,
  'unique-names.ts': /^10 signed up, 40 found their name taken$/,
};

function run(example: string, url: string): Promise<{ code: number; output: string }> {
  const tsx = join(ROOT, 'node_modules', '.bin', 'tsx');
  const options = { cwd: ROOT, env: { ...process.env, FACTSTORE_URL: url } };
  return new Promise((resolve) => {
    execFile(tsx, [join(EXAMPLES, example)], options, (error, stdout, stderr) => {
      resolve({ code: error ? 1 : 0, output: (stdout + stderr).trim() });
    });
  });
}

describe('the examples', () => {
  let nodes: TestNodes | undefined;
  afterEach(() => nodes?.dispose());

  for (const [example, says] of Object.entries(SAYS)) {
    for (const size of [1, 3]) {
      it(`${example} keeps its promise, on ${size === 1 ? 'one node' : 'three nodes'} [S4]`, async () => {
        nodes = await TestNodes.start(size);
        const { code, output } = await run(example, nodes.url);
        expect(code, output).toBe(0);
        expect(output).toMatch(says);
      });
    }
  }
});
