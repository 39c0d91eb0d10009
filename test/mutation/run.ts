import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { Command } from 'commander';
import { MUTANTS } from './catalogue.ts';
import { type Mutant, plant, staleness } from './mutant.ts';
import { Sandbox } from './sandbox.ts';
import { endTests, type Outcome, runTests, type Suite } from './vitest.ts';

/** Breaks the code in one place after the other, and asks whether the tests notice. */

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

const FOLDERS = [
  'raft',
  'sequencer',
  'storage',
  'scavenge',
  'scrub',
  'replica',
  'database',
  'subscription',
  'projection',
  'sim',
];
/** A run of mutated code may take this many times as long as the unmutated one took, and so much more. */
const BOUND_FACTOR = 3;
const BOUND_EXTRA_MS = 30_000;
const BASELINE_BOUND_MS = 15 * 60_000;

interface Verdict {
  readonly mutant: Mutant;
  readonly result: 'caught' | 'timed out' | 'survived' | 'broken';
  readonly by: string;
  readonly seconds: number;
}

/** The suites that judge a mutant, and how long each may take. */
interface Judges {
  readonly unitMs: number;
  readonly simMs: number;
}

const unit = (excluded: readonly string[]): Suite => ({
  config: 'vitest.config.ts',
  paths: FOLDERS.map((folder) => `test/${folder}/`),
  excluded,
});
const sim: Suite = { config: 'vitest.sim.config.ts', paths: [], excluded: [] };

/** Measures the unmutated code. Whatever fails there would count as caught with every mutant. */
async function baseline(root: string): Promise<Judges> {
  const measure = async (suite: Suite) => {
    const start = performance.now();
    const outcome = await runTests(root, suite, BASELINE_BOUND_MS);
    if (outcome.kind !== 'green') throw new Error(`the code is not green without any mutant: ${describe(outcome)}`);
    return performance.now() - start;
  };
  const bound = async (suite: Suite) => Math.ceil((await measure(suite)) * BOUND_FACTOR) + BOUND_EXTRA_MS;
  return { unitMs: await bound(unit([])), simMs: await bound(sim) };
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'red') return outcome.by;
  return outcome.kind === 'broken' ? outcome.why : outcome.kind;
}

async function judge(mutant: Mutant, root: string, { unitMs, simMs }: Judges): Promise<Verdict> {
  const start = performance.now();
  const heal = plant(mutant, root);
  try {
    const likeliest = `test/${mutant.test}`;
    let outcome = await runTests(root, { ...unit([]), paths: [likeliest] }, unitMs);
    if (outcome.kind === 'green') outcome = await runTests(root, unit([likeliest]), unitMs);
    if (outcome.kind === 'green') outcome = await runTests(root, sim, simMs);
    const result = ({ green: 'survived', red: 'caught', hung: 'timed out', broken: 'broken' } as const)[outcome.kind];
    const by = outcome.kind === 'green' ? '' : describe(outcome);
    return { mutant, result, by, seconds: (performance.now() - start) / 1000 };
  } finally {
    heal();
  }
}

async function judgeAll(mutants: readonly Mutant[], root: string): Promise<Verdict[]> {
  const bar = new SingleBar({ format: '{bar} {value}/{total}  {id}', clearOnComplete: true, hideCursor: true });
  console.log('the suites without any mutant …');
  const judges = await baseline(root);
  const verdicts: Verdict[] = [];
  bar.start(mutants.length, 0, { id: '' });
  for (const mutant of mutants) {
    bar.update(verdicts.length, { id: mutant.id });
    const verdict = await judge(mutant, root, judges);
    verdicts.push(verdict);
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
    console.log(`${mutant.id}: ${verdict.result} after ${verdict.seconds.toFixed(1)} s ${verdict.by}`);
  }
  bar.stop();
  return verdicts;
}

function printTable(verdicts: readonly Verdict[]): void {
  const table = new Table({ head: ['mutant', 'rule', 'result', 'seconds', 'by'], style: { head: [], border: [] } });
  for (const { mutant, result, seconds, by } of verdicts) {
    table.push([mutant.id, mutant.rule, result, { content: seconds.toFixed(1), hAlign: 'right' }, by]);
  }
  console.log(table.toString());
}

function chosen(ids: readonly string[] | undefined): readonly Mutant[] {
  if (ids === undefined) return MUTANTS;
  return ids.map((id) => {
    const mutant = MUTANTS.find((one) => one.id === id);
    if (!mutant) throw new Error(`there is no mutant ${id}; --list names them all`);
    return mutant;
  });
}

async function mutate({ list, only }: { list?: true; only?: string[] }): Promise<void> {
  if (list) {
    for (const { id, file, rule, bug } of MUTANTS) console.log(`${id}  ${file}  [${rule}]  ${bug}`);
    return;
  }
  const mutants = chosen(only);
  const stale = mutants.flatMap((mutant) => {
    const reason = staleness(mutant, PROJECT);
    return reason === undefined ? [] : [`${mutant.id} is stale: ${reason}`];
  });
  if (stale.length > 0) throw new Error(stale.join('\n'));
  const start = performance.now();
  const sandbox = new Sandbox(PROJECT);
  process.once('exit', () => sandbox.remove());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      endTests();
      process.exit(1);
    });
  }
  const verdicts = await judgeAll(mutants, sandbox.root);
  printTable(verdicts);
  const survivors = verdicts.filter(({ result }) => result === 'survived' || result === 'broken');
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`${verdicts.length - survivors.length} of ${verdicts.length} mutants caught, in ${minutes} minutes`);
  for (const { mutant, result, by } of survivors) console.log(`${mutant.id} ${result}: ${mutant.bug}. ${by}`);
  if (survivors.length > 0) process.exitCode = 1;
}

const program = new Command('mutate')
  .description('Plants one-line bugs in a copy of the code, and tells which test notices each.')
  .option('--list', 'print one line a mutant, and run nothing')
  .option('--only <id...>', 'run only these mutants')
  .action((options) =>
    mutate(options).catch((error: unknown) => {
      console.error((error as Error).message);
      process.exitCode = 1;
    }),
  );
await program.parseAsync();
