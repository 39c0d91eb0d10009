import { parseArgs } from 'node:util';

/** What the command line says. */
export interface BenchOptions {
  /** The groups to measure; empty: all. */
  readonly groups: readonly string[];
  readonly rounds: number;
  /** Rounds before them that do not count: until V8 has compiled what is hot, Node programs are several times slower. */
  readonly heat: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly kills: number;
  /** How far the group "growth" goes, and the larger store of the group "start". */
  readonly events: number;
  readonly streams: number;
  /** Nodes of the store that grows. */
  readonly nodes: number;
  /** Only scenarios whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  readonly seed: number;
  readonly etcd: string;
  readonly nats: string;
  readonly profile: string | undefined;
  /** Where the JSON file goes; undefined: into bench/results. */
  readonly out: string | undefined;
  /** A smoke test: every scenario once and briefly, on small stores. */
  readonly quick: boolean;
}

const NUMBERS = {
  rounds: [5, 1, 100],
  heat: [1, 0, 100],
  seconds: [5, 0.1, 120],
  'warm-up': [2, 0, 60],
  kills: [20, 0, 100],
  events: [10_000_000, 1_000, 1e9],
  streams: [1_000_000, 100, 1e8],
  nodes: [1, 1, 3],
  seed: [1, 0, 2 ** 32 - 1],
} as const;

type NumberName = keyof typeof NUMBERS;

const QUICK: Readonly<Partial<Record<NumberName, number>>> = {
  rounds: 1,
  heat: 0,
  seconds: 0.4,
  'warm-up': 0.1,
  kills: 1,
  events: 20_000,
  streams: 2_000,
};

const help = (groups: readonly string[], others: readonly string[]) => `npm run bench -- [GROUP...] [options]
npm run bench -- publish FILE...    puts results into bench/README.md, with plots
npm run bench -- ${others.join('|')} --help    benchmarks of one thing each

Groups: ${groups.join(', ')}. Without one, all are measured.

  --quick         a smoke test of under two minutes: everything once, briefly and on small stores; the counts are checked
  --rounds N      rounds, each measures every scenario of a group once (${NUMBERS.rounds[0]})
  --heat N        rounds before them that do not count (${NUMBERS.heat[0]})
  --seconds S     measured time of a scenario in a round (${NUMBERS.seconds[0]})
  --warm-up S     the same load before that, not counted (${NUMBERS['warm-up'][0]})
  --kills N       how often "failover" kills the leader (${NUMBERS.kills[0]})
  --events N      events of the largest store in "growth" and "start" (${NUMBERS.events[0]})
  --streams N     streams they are spread over in "growth" (${NUMBERS.streams[0]})
  --nodes N       nodes of the store in "growth" (${NUMBERS.nodes[0]})
  --only A,B      only scenarios whose names contain one of these, such as "sdk,etcd put"; x does for ×
  --seed N        of payloads and names (${NUMBERS.seed[0]})
  --etcd PATH     the etcd program (etcd); "none" leaves it out
  --nats PATH     the NATS server (nats-server); "none" leaves it out
  --profile DIR   writes CPU profiles of client and nodes for each scenario of factstore
  --out FILE      the JSON file (bench/results/DATE.json); "none" writes none`;

/** Ends in an Error that is fit to be shown; prints the help and gives undefined where that was asked for. */
export function parseOptions(
  args: readonly string[],
  groups: readonly string[],
  others: readonly string[],
): BenchOptions | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ rounds: text, heat: text, seconds: text, 'warm-up': text, kills: text, seed: text },
      ...{ events: text, streams: text, nodes: text },
      ...{ only: text, etcd: text, nats: text, profile: text, out: text, quick: flag },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help(groups, others));
    return undefined;
  }
  const unknown = positionals.find((name) => !groups.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no "${unknown}": name groups (${groups.join(', ')}) or one of ${others.join(', ')}`);
  }
  const number = (name: NumberName) => {
    const [standard, min, max] = NUMBERS[name];
    const value = Number(values[name] ?? (values.quick ? QUICK[name] : undefined) ?? standard);
    if (!(value >= min && value <= max)) throw new Error(`--${name}: a number from ${min} to ${max} is expected`);
    return value;
  };
  const whole = (name: NumberName) => Math.round(number(name));
  return {
    groups: positionals,
    rounds: whole('rounds'),
    heat: whole('heat'),
    seconds: number('seconds'),
    warmUpSeconds: number('warm-up'),
    kills: whole('kills'),
    events: whole('events'),
    streams: whole('streams'),
    nodes: whole('nodes'),
    only: names(values.only),
    seed: whole('seed'),
    etcd: values.etcd ?? 'etcd',
    nats: values.nats ?? 'nats-server',
    profile: values.profile,
    out: values.out,
    quick: values.quick ?? false,
  };
}

function names(list = ''): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
