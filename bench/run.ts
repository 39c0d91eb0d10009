import { parseOptions } from './harness/options.ts';
import { publish } from './harness/publish.ts';
import { runGroups } from './harness/run.ts';
import { projectionSuite } from './projection.ts';
import { projectionAppendsSuite } from './projection-appends.ts';
import { querySuite } from './query.ts';
import { sandboxSuite } from './sandbox.ts';
import { scavengeSuite } from './scavenge.ts';
import { GROUPS } from './scenarios/groups.ts';
import { stepsSuite } from './steps.ts';
import { runAndCleanUp } from './support/cleanup.ts';

/** Benchmarks of one thing each, with options of their own. Everything else is a group of the harness. */
const SUITES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  projection: projectionSuite,
  'projection-appends': projectionAppendsSuite,
  query: querySuite,
  sandbox: sandboxSuite,
  scavenge: scavengeSuite,
  steps: stepsSuite,
};

await runAndCleanUp(async () => {
  const args = process.argv.slice(2);
  const suite = SUITES[args[0] ?? ''];
  if (suite) return suite(args.slice(1));
  if (args[0] === 'publish') return publish(args.slice(1));
  const groups = GROUPS.map(({ name }) => name);
  const options = parseOptions(args, groups, Object.keys(SUITES));
  if (options) await runGroups(options);
});
