import { appendSuite } from './append.ts';
import { projectionSuite } from './projection.ts';
import { querySuite } from './query.ts';
import { sandboxSuite } from './sandbox.ts';
import { scavengeSuite } from './scavenge.ts';
import { stepsSuite } from './steps.ts';
import { runAndCleanUp } from './support/cleanup.ts';
import { type BenchOptions, parseOptions } from './support/options.ts';

type Suite = (args: readonly string[]) => Promise<void>;

/** A suite with the options that most of them share. */
const shared =
  (suite: (options: BenchOptions) => Promise<void>): Suite =>
  async (args) => {
    const options = parseOptions(args);
    if (options) await suite(options);
  };

const suites: Readonly<Record<string, Suite>> = {
  append: shared(appendSuite),
  projection: projectionSuite,
  query: querySuite,
  sandbox: sandboxSuite,
  scavenge: scavengeSuite,
  steps: shared(stepsSuite),
};

await runAndCleanUp(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  const suite = suites[name];
  if (!suite && name !== '--help' && name !== '-h') {
    throw new Error(`name a suite (${Object.keys(suites).join(', ')}), and --help for its options`);
  }
  if (suite) await suite(args);
  else parseOptions(['--help']);
});
