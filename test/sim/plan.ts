import { Chance } from './chance.ts';
import type { DiskHabits } from './database.ts';
import type { NetworkHabits } from './network.ts';
import type { NodeHabits } from './node.ts';

/** What can be left out of a run, to find out what a failure needs. */
export const FAULT_CLASSES = [
  ...[
    'loss',
    'duplication',
    'replay',
    'reorder',
    'capacity',
    'clog',
    'partition',
    'oneWay',
    'isolate',
    'comeback',
    'connection',
  ],
  ...[
    'slowDisk',
    'space',
    'writeError',
    'damage',
    'indexDamage',
    'wipe',
    'crash',
    'power',
    'pause',
    'clock',
    'transfer',
    'reconfigure',
    'oust',
    'renew',
  ],
] as const;
export type FaultClass = (typeof FAULT_CLASSES)[number];

export const PROFILES = ['steady', 'hostile', 'huge', 'members'] as const;
export type Profile = (typeof PROFILES)[number];

/** What the command line says about a run; the seed decides the rest. */
export interface PlanOptions {
  readonly seed: number;
  readonly nodes?: number | undefined;
  readonly seconds?: number | undefined;
  readonly profile?: Profile | undefined;
  readonly without?: readonly FaultClass[] | undefined;
  /** Classes that happen often in this run, whatever was drawn. */
  readonly often?: readonly FaultClass[] | undefined;
}

export interface ClientHabits {
  readonly appenders: number;
  readonly readers: number;
  readonly subscribers: number;
  readonly producers: number;
  readonly pauseMs: number;
  readonly batchMax: number;
  readonly streams: number;
  readonly eventsMax: number;
  readonly dataBytesMax: number;
  /** Some appends are so large that they are sealed and sent in pieces. */
  readonly pieces: boolean;
  readonly timeoutMs: number;
}

/** Everything that is drawn before a run begins. */
export interface Plan {
  readonly seed: number;
  readonly profile: Profile;
  readonly nodes: number;
  /** So many of them, the first ones, found the cluster; the others may be added. */
  readonly founders: number;
  /** Virtual seconds of trouble, before a quorum is healed. */
  readonly seconds: number;
  readonly node: NodeHabits;
  readonly disk: DiskHabits;
  readonly network: NetworkHabits;
  readonly clients: ClientHabits;
  /** How long it is on average between two faults of a class, in milliseconds; a class that is not there never happens. */
  readonly everyMs: ReadonlyMap<FaultClass, number>;
}

const MEMBERS_SECONDS_MIN = 3;

/** Draws a plan. What is left out is drawn nevertheless, so that the rest stays as it was. */
export function drawPlan(options: PlanOptions): Plan {
  const chance = new Chance(options.seed);
  const drawnProfile = chance.pick(['steady', 'steady', 'hostile', 'hostile', 'huge'] as const);
  const profile = options.profile ?? drawnProfile;
  const drawnNodes = chance.pick([1, 3, 3, 3, 3, 3, 3, 5, 5]);
  const drawnSeconds = chance.pick([1, 1, 1.5, 2, 2, 3, 6]);
  const without = new Set(options.without ?? []);
  const nodes = options.nodes ?? (profile === 'members' ? 5 : drawnNodes);
  return {
    seed: options.seed,
    profile,
    nodes,
    founders: profile === 'members' ? Math.min(nodes, chance.pick([1, 3, 3])) : nodes,
    // Less would be over before most changes of members had begun.
    seconds: options.seconds ?? (profile === 'members' ? Math.max(MEMBERS_SECONDS_MIN, drawnSeconds) : drawnSeconds),
    node: drawNode(chance.fork(), profile),
    disk: drawDisk(chance.fork(), without),
    network: drawNetwork(chance.fork(), profile, without),
    clients: drawClients(chance.fork(), profile),
    everyMs: drawRates(chance.fork(), profile, drawnSeconds, options),
  };
}

function drawNode(chance: Chance, profile: Profile): NodeHabits {
  const [tickIntervalMs, electionTimeoutTicks, heartbeatTicks] = chance.pick([
    // As it comes: 1 s to 2 s.
    [50, 20, 2],
    // Quicker, so that more elections fit into a run.
    [20, 12, 2],
    [20, 12, 2],
    [30, 6, 2],
    // So few ticks that nodes often campaign at once.
    [30, 3, 1],
  ] as const);
  const huge = profile === 'huge';
  return {
    tickIntervalMs,
    raft: {
      electionTimeoutTicks,
      heartbeatTicks,
      inflightMessagesMax: chance.pick([1, 2, 8, 256]),
      inflightBytesMax: chance.pick([1_000, 20_000, 32 << 20]),
      messageBytesMax: chance.pick([300, 2_000, 1 << 20]),
      batchBytesMax: chance.pick([500, 20_000, 4 << 20]),
      messageEntriesMax: chance.pick([1, 3, 20, 4_096]),
      // The last entry has to fit, as it does in production.
      tailBytesMax: chance.pick(huge ? [3 << 20, 64 << 20] : [20_000, 64 << 20]),
      appliedLagMax: chance.pick([3, 50, 10_000]),
    },
    blockEvents: huge ? chance.pick([64, 1_000, 16_384]) : chance.pick([4, 16, 64, 16_384]),
    cachedStreams: chance.pick([1, 4, 100_000]),
    pendingAppendBytesMax: chance.pick([400, 5_000, 32 << 20]),
    readBatchEventsMax: huge ? 1_000 : chance.pick([1, 3, 1_000]),
    verifyEntries: chance.pick([1, 20, 10_000]),
  };
}

function drawDisk(chance: Chance, without: ReadonlySet<FaultClass>): DiskHabits {
  const habits = {
    readMs: chance.pick([0, 0, 0, 0.1, 2]),
    writeMs: chance.pick([0.3, 1, 4, 15]),
    stallChance: chance.pick([0, 0, 0.01, 0.05]),
    stallMs: chance.pick([50, 400, 2_000]),
    batchesPerTable: chance.pick([3, 20, 200]),
  };
  return without.has('slowDisk') ? { ...habits, readMs: 0, writeMs: 0.3, stallChance: 0 } : habits;
}

function drawNetwork(chance: Chance, profile: Profile, without: ReadonlySet<FaultClass>): NetworkHabits {
  const rough = profile === 'hostile';
  const habits = {
    delayMs: chance.pick([0.2, 1, 5, 30]),
    loss: chance.pick(rough ? [0, 0.02, 0.1, 0.3] : [0, 0, 0.001, 0.01, 0.05]),
    duplication: chance.pick([0, 0, 0.01, 0.1]),
    replay: chance.pick([0, 0, 0.01, 0.05]),
    reorder: chance.of(0.5),
    capacity: chance.pick([3, 20, 1_000, 1_000]),
  };
  return {
    delayMs: habits.delayMs,
    loss: without.has('loss') ? 0 : habits.loss,
    duplication: without.has('duplication') ? 0 : habits.duplication,
    replay: without.has('replay') ? 0 : habits.replay,
    reorder: habits.reorder && !without.has('reorder'),
    capacity: without.has('capacity') ? 1_000 : habits.capacity,
  };
}

function drawClients(chance: Chance, profile: Profile): ClientHabits {
  const sparse = profile === 'hostile';
  const huge = profile === 'huge';
  return {
    appenders: chance.between(1, sparse ? 3 : 4),
    readers: chance.between(1, 3),
    subscribers: chance.between(1, 3),
    producers: chance.between(0, 3),
    pauseMs: chance.pick(sparse ? [100, 300, 800] : huge ? [300, 800] : [50, 120, 300]),
    batchMax: chance.pick([1, 2, 4, huge ? 4 : 20]),
    streams: chance.pick([1, 3, 12]),
    eventsMax: huge ? chance.pick([20, 100, 1_200]) : chance.pick([1, 3, 6]),
    dataBytesMax: huge ? chance.pick([100, 20_000]) : chance.pick([0, 30, 300]),
    pieces: huge && chance.of(0.5),
    timeoutMs: chance.pick([500, 3_000, 20_000]),
  };
}

/** Classes that happen at moments, and how often at most: about once in so many milliseconds. */
const MOMENTS: readonly [FaultClass, number][] = [
  ['clog', 1_500],
  ['partition', 2_000],
  ['oneWay', 2_000],
  ['isolate', 2_000],
  ['comeback', 2_500],
  ['connection', 700],
  ['space', 4_000],
  ['writeError', 5_000],
  ['damage', 6_000],
  ['indexDamage', 6_000],
  ['wipe', 6_000],
  ['crash', 1_500],
  ['power', 2_000],
  ['pause', 1_500],
  ['clock', 3_000],
  ['transfer', 1_000],
];

/** In the profile whose members change: how often they do. */
const RECONFIGURE_MS = 60;
/** How often a leader is cut off as soon as it has taken its own vote away. */
const OUST_MS = 700;
/** How often a machine is lost with its disk, and another one comes in its place as a new member. */
const RENEW_MS = 600;
/** So many machines may come in the place of others. */
export const SPARES = 4;

const OFTEN_MS = 500;

function drawRates(
  chance: Chance,
  profile: Profile,
  seconds: number,
  { without = [], often = [] }: PlanOptions,
): Map<FaultClass, number> {
  const rates = new Map<FaultClass, number>();
  // A short run is not a calm one.
  const calm = (profile === 'hostile' ? 0.6 : 1.5) * Math.min(1, seconds / 3);
  for (const [name, everyMs] of MOMENTS) {
    const drawn = chance.of(0.55) ? everyMs * calm * chance.pick([1, 1, 3, 10]) : undefined;
    if (often.includes(name)) rates.set(name, OFTEN_MS);
    else if (drawn !== undefined && !without.includes(name)) rates.set(name, drawn);
  }
  if (profile === 'members' && !without.includes('reconfigure')) rates.set('reconfigure', RECONFIGURE_MS);
  if (profile === 'members' && !without.includes('oust')) rates.set('oust', OUST_MS);
  if (profile === 'members' && !without.includes('renew')) rates.set('renew', RENEW_MS);
  return rates;
}
