import { parseArgs } from 'node:util';

/** What the command line says. */
export interface BenchOptions {
  readonly rounds: number;
  /** Rounds before them that do not count: until V8 has compiled what is hot, Node programs are several times slower. */
  readonly heat: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly kills: number;
  /** Only figures whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  readonly seed: number;
  readonly etcd: string;
  readonly profile: string | undefined;
  /** Where the JSON file goes; undefined: into bench/results. */
  readonly out: string | undefined;
}

const NUMBERS = {
  rounds: [5, 1, 100],
  heat: [1, 0, 100],
  seconds: [5, 1, 120],
  'warm-up': [2, 0, 60],
  kills: [5, 0, 100],
  seed: [1, 0, 2 ** 32 - 1],
} as const;

const HELP = `npm run bench -- append [options]
npm run bench -- steps [--rounds N] [--only A,B]

  --rounds N      rounds, each measures every figure once (${NUMBERS.rounds[0]})
  --heat N        rounds before them that do not count (${NUMBERS.heat[0]})
  --seconds S     measured time of a figure in a round (${NUMBERS.seconds[0]})
  --warm-up S     the same load before that, not counted (${NUMBERS['warm-up'][0]})
  --kills N       how often the leader is killed (${NUMBERS.kills[0]}; 0: no failover figure)
  --only A,B      only figures whose names contain one of these, such as "sdk,etcd put" or "failover"
  --seed N        of payloads and names (${NUMBERS.seed[0]})
  --etcd PATH     the etcd program (etcd); "none" leaves it out
  --profile DIR   writes CPU profiles of client and leader for each factstore figure
  --out FILE      the JSON file (bench/results/DATE-append.json); "none" writes none`;

/** Ends in an Error that is fit to be shown; prints the help and gives undefined where that was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ rounds: text, heat: text, seconds: text, 'warm-up': text, kills: text, seed: text },
      ...{ only: text, etcd: text, profile: text, out: text },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const number = (name: keyof typeof NUMBERS) => {
    const [standard, min, max] = NUMBERS[name];
    const value = Number(values[name] ?? standard);
    if (!(value >= min && value <= max)) throw new Error(`--${name}: a number from ${min} to ${max} is expected`);
    return value;
  };
  return {
    rounds: Math.round(number('rounds')),
    heat: Math.round(number('heat')),
    seconds: number('seconds'),
    warmUpSeconds: number('warm-up'),
    kills: Math.round(number('kills')),
    seed: Math.round(number('seed')),
    only: (values.only ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    etcd: values.etcd ?? 'etcd',
    profile: values.profile,
    out: values.out,
  };
}
