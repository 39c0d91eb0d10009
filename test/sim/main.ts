import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runMany } from './many.ts';
import { drawPlan, FAULT_CLASSES, type FaultClass, type PlanOptions, PROFILES, type Profile } from './plan.ts';
import { shrink } from './shrink.ts';
import { Simulation } from './simulation.ts';

interface Options {
  readonly seed?: number;
  readonly seeds?: number;
  readonly from: number;
  readonly nodes?: number;
  readonly seconds?: number;
  readonly profile?: Profile;
  readonly without?: readonly FaultClass[];
  readonly often?: readonly FaultClass[];
  readonly jobs: number;
  readonly quiet?: boolean;
}

const program = new Command('sim')
  .description('Runs whole nodes on virtual time, network and disk; everything follows from the seed.')
  .addOption(new Option('--seed <n>', 'replay one run, with its trace').argParser(whole(0)).conflicts('seeds'))
  .option('--seeds <n>', 'run so many, on all cores', whole(1))
  .option('--from <n>', 'the first seed of --seeds', whole(0), 1)
  .option('--nodes <n>', 'the size of the cluster, instead of the drawn one', whole(1))
  .option('--seconds <s>', 'virtual seconds of trouble, instead of the drawn ones', seconds)
  .addOption(new Option('--profile <name>', 'instead of the drawn one').choices(PROFILES))
  .option('--without <classes>', `fault classes to leave out, joined by commas: ${FAULT_CLASSES.join(', ')}`, classes)
  .option('--often <classes>', 'fault classes that happen all the time', classes)
  .option('--jobs <n>', 'how many processes', whole(1), availableParallelism())
  .option('--quiet', 'with --seed: no trace, only the result')
  .action(async (options: Options) => {
    process.exitCode = options.seed === undefined ? await many(options) : await one(options.seed, options);
  });

await program.parseAsync();

async function one(seed: number, options: Options): Promise<number> {
  const write = options.quiet ? undefined : (line: string) => console.log(line);
  const result = await new Simulation(drawPlan(planOptions(seed, options)), write).run();
  const { violation, stack, virtualMs, events, committed, fingerprint } = result;
  console.log(
    `seed ${seed}: ${violation ?? 'every promise was kept'}; ${virtualMs / 1000} virtual s, ${events} events of the simulation, ${committed} events committed, fingerprint ${fingerprint}`,
  );
  if (violation !== undefined) console.log(stack);
  return violation === undefined ? 0 : 1;
}

async function many(options: Options): Promise<number> {
  if (options.seeds === undefined) return program.error('give --seed N to replay one run, or --seeds N to run many');
  const { from, seeds, jobs } = options;
  const began = performance.now();
  const report = await runMany({ from, seeds, jobs, plan: planOptions(0, options) });
  const minutes = (performance.now() - began) / 60_000;
  const hours = report.virtualMs / 3_600_000;
  console.log(
    `${report.runs} seeds in ${minutes.toFixed(1)} min: ${Math.round(report.runs / minutes)} seeds and ${(hours / minutes).toFixed(2)} virtual hours a minute; ${report.failures.length} failed`,
  );
  for (const { seed, violation } of report.failures) {
    console.log(`seed ${seed}: ${violation}`);
    console.log(`  ${await shrink(planOptions(seed, options), violation)}`);
  }
  return report.failures.length > 0 ? 1 : 0;
}

function planOptions(seed: number, { nodes, seconds, profile, without, often }: Options): PlanOptions {
  return { seed, nodes, seconds, profile, without, often };
}

function whole(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < least)
      throw new InvalidArgumentError(`a whole number of ${least} or more is needed.`);
    return number;
  };
}

function seconds(text: string): number {
  const number = Number(text);
  if (!(number > 0 && Number.isFinite(number))) throw new InvalidArgumentError('a number above 0 is needed.');
  return number;
}

function classes(text: string): readonly FaultClass[] {
  const names = text.split(',');
  const unknown = names.find((name) => !(FAULT_CLASSES as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${FAULT_CLASSES.join(', ')}.`);
  return names as FaultClass[];
}
