import { Command, InvalidArgumentError, Option } from 'commander';
import { clockShift } from './faults/clock.ts';
import { failingSyncs, fullDisk } from './faults/disk.ts';
import type { FaultKind } from './faults/fault.ts';
import { flips, replacement, wipe } from './faults/members.ts';
import { partition } from './faults/partition.ts';
import { kill, pause, rolling } from './faults/processes.ts';
import { succession } from './faults/succession.ts';

const KINDS: readonly FaultKind[] = [
  ...[kill, pause, partition, succession, rolling, fullDisk, failingSyncs, clockShift],
  ...[wipe, replacement, flips],
];

export interface RunOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
  readonly faults: readonly FaultKind[];
  readonly out: string;
  /** Where a report for machines goes. */
  readonly report?: string;
}

export function parseOptions(argv: readonly string[]): RunOptions {
  const all = KINDS.map(({ name }) => name).join(',');
  const faults = new Option('--faults <LIST>', `some of ${all}, separated by commas; none: no faults`);
  const command = new Command('npm run test:cluster --')
    .description('Makes things go wrong for a cluster of real nodes under load, and judges what its clients saw.')
    .option('--minutes <N>', 'how long faults are made', number(0.1, 600), 0.7)
    .option('--seed <N>', 'draws the faults and what clients ask for', whole(0, 2 ** 32 - 1), 1)
    .option('--nodes <N>', 'nodes of the cluster', whole(1, 9), 3)
    .addOption(faults.argParser(kinds).default(KINDS, 'all of them'))
    .option('--out <DIR>', 'where the chart goes, and what is kept of a run that failed', 'cluster-run')
    .option('--report <FILE>', 'writes the result in the JSON form of a test report');
  return command.parse(argv, { from: 'user' }).opts<RunOptions>();
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`a number from ${least} to ${most} is expected`);
    return value;
  };
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is expected');
    return number(least, most)(text);
  };
}

function kinds(text: string): FaultKind[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const kind = KINDS.find((each) => each.name === name.trim());
    if (!kind) throw new InvalidArgumentError(`"${name}" is none of ${KINDS.map((each) => each.name).join(', ')}`);
    return kind;
  });
}
