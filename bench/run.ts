import { appendSuite } from './append.ts';
import { stepsSuite } from './steps.ts';
import { runAndCleanUp } from './support/cleanup.ts';
import { type BenchOptions, parseOptions } from './support/options.ts';

const suites: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  append: appendSuite,
  steps: stepsSuite,
};

await runAndCleanUp(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  const suite = suites[name];
  if (!suite && name !== '--help' && name !== '-h') {
    throw new Error(`name a suite (${Object.keys(suites).join(', ')}), and --help for its options`);
  }
  const options = parseOptions(suite ? args : ['--help']);
  if (options) await suite?.(options);
});
