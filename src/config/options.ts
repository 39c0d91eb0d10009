import { resolve } from 'node:path';
import { z } from 'zod';
import { LIMITS } from '../model/limits.ts';
import {
  type Address,
  BadValue,
  bytesFromText,
  formatAddress,
  isLoopback,
  isNodeId,
  isWildcard,
  numberFromText,
  parseAddress,
  parseAddresses,
  parseCluster,
  show,
  switchFromText,
} from './values.ts';

/** What a key means, for help texts and documentation. */
interface KeyMeta extends Record<string, unknown> {
  readonly description: string;
  /** What its value is written in. */
  readonly unit: string;
  /** What applies where nothing is said. */
  readonly defaultText: string;
  /** The value that a flag has which is given without one. */
  readonly preset?: string;
  /** True: one of the few that most people need. */
  readonly common?: boolean;
}

const MIB = 1 << 20;
const GIB = 1 << 30;

function whole(unit: string, fallback: number, min: number, max: number, description: string) {
  const number = z
    .int({ error: (issue) => `${show(issue.input)} is not a whole number of ${unit}` })
    .min(min, { error: (issue) => `${show(issue.input)} is below the least, ${min} ${unit}` })
    .max(max, { error: (issue) => `${show(issue.input)} is above the most, ${max} ${unit}` });
  const read = unit === 'bytes' ? bytesFromText : numberFromText;
  return z
    .preprocess(read, number)
    .default(fallback)
    .meta(meta({ description, unit, defaultText: String(fallback) }));
}

/** A limit of the model, which configuration may lower and not raise. */
function limit(name: keyof typeof LIMITS, unit: string, description: string) {
  return whole(unit, LIMITS[name], 1, LIMITS[name], `${description} Can be lowered, not raised.`);
}

/** Reads a value with a parser that gives a BadValue where it is wrong. */
function parsed<T>(parse: (value: unknown) => T | BadValue) {
  return z.unknown().transform((value, context): T => {
    const result = parse(value);
    if (!(result instanceof BadValue)) return result;
    context.addIssue({ code: 'custom', message: result.reason });
    return z.NEVER;
  });
}

const listenAddress = parsed((value) => parseAddress(String(value)));

const tellableAddress = parsed((value): Address | BadValue => {
  const address = parseAddress(String(value));
  if (address instanceof BadValue) return address;
  if (address.port === 0) return new BadValue(`${show(value)} has port 0, to which nobody can connect`);
  if (isWildcard(address)) return new BadValue(`${show(value)} is no address that others can connect to`);
  return address;
});

function booleanOf(value: unknown): boolean | BadValue {
  if (value === true || value === 'true') return true;
  return value === false || value === 'false' ? false : new BadValue(`${show(value)} is neither true nor false`);
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

function meta(values: KeyMeta): KeyMeta {
  return values;
}

const identity = {
  nodeId: z
    .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string({ error: 'is not a text' }))
    .refine(isNodeId, {
      error: (issue) => `${show(issue.input)} is not 1 to 63 of letters, digits, "_", "." and "-"`,
    })
    .default('n1')
    .meta(
      meta({
        description: 'The name of this node in its cluster. It never changes.',
        unit: 'ID',
        defaultText: 'n1',
        common: true,
      }),
    ),
  data: z
    .string({ error: 'is not the path of a directory' })
    .min(1, { error: 'is empty: the path of a directory is needed' })
    .default('./data')
    .transform((path) => resolve(path))
    .meta(
      meta({ description: 'The directory that holds everything.', unit: 'DIR', defaultText: './data', common: true }),
    ),
};

const addresses = {
  listen: listenAddress.default({ host: '127.0.0.1', port: 2113 }).meta(
    meta({
      description: 'Where clients connect (gRPC and HTTP). Port 0 takes any free one.',
      unit: 'HOST:PORT',
      defaultText: '127.0.0.1:2113',
      common: true,
    }),
  ),
  peerListen: listenAddress.default({ host: '127.0.0.1', port: 2114 }).meta(
    meta({
      description: 'Where the other nodes of the cluster connect. Port 0 takes any free one.',
      unit: 'HOST:PORT',
      defaultText: '127.0.0.1:2114',
      common: true,
    }),
  ),
  advertise: tellableAddress.optional().meta(
    meta({
      description: 'The address under which clients reach this node, where it differs from listen.',
      unit: 'HOST:PORT',
      defaultText:
        'listen; where that is 0.0.0.0 or ::, its port at the host of peerAdvertise, or of a node alone at the name of its machine',
      common: true,
    }),
  ),
  peerAdvertise: tellableAddress.optional().meta(
    meta({
      description: 'The address under which the other nodes reach this one, where it differs from peerListen.',
      unit: 'HOST:PORT',
      defaultText:
        "this node's address in cluster, else peerListen; where that is 0.0.0.0 or ::, of a node alone its port at the name of its machine",
      common: true,
    }),
  ),
  cluster: parsed(parseCluster)
    .optional()
    .meta(
      meta({
        description:
          'The nodes that found the cluster, this one among them, each with its peer address. Once the cluster is founded it only gives addresses.',
        unit: 'ID=HOST:PORT,...',
        defaultText: 'none: a cluster of this one node',
        common: true,
      }),
    ),
  join: parsed(parseAddresses)
    .optional()
    .meta(
      meta({
        description: 'Peer addresses of a cluster that exists and that this node is to join.',
        unit: 'HOST:PORT,...',
        defaultText: 'none',
        common: true,
      }),
    ),
};

const exposure = {
  insecure: z
    .preprocess(switchFromText, z.boolean({ error: (issue) => `${show(issue.input)} is neither true nor false` }))
    .default(false)
    .meta(
      meta({
        description:
          'Lets this node listen beyond the loopback, although there is neither TLS nor a login yet: whoever reaches its ports can read and write everything.',
        unit: 'true|false',
        defaultText: 'false',
        preset: 'true',
        common: true,
      }),
    ),
};

const running = {
  logLevel: z
    .enum(LOG_LEVELS, { error: (issue) => `${show(issue.input)} is none of ${LOG_LEVELS.join(', ')}` })
    .default('info')
    .meta(
      meta({
        description: 'The least important kind of log line that is written to standard error.',
        unit: LOG_LEVELS.join('|'),
        defaultText: 'info',
        common: true,
      }),
    ),
  heartbeatIntervalMs: whole('ms', 100, 10, 60_000, 'How often the leader tells its followers that it is there.'),
  electionTimeoutMs: whole(
    'ms',
    1000,
    50,
    600_000,
    'How long a follower waits for its leader before it asks for an election; at least 3 × heartbeatIntervalMs.',
  ),
  tickIntervalMs: whole('ms', 50, 5, 10_000, 'The grain in which the two are counted; at most heartbeatIntervalMs.'),
  shutdownTimeoutMs: whole(
    'ms',
    10_000,
    100,
    3_600_000,
    'How long a stop may take to hand leadership over and finish open calls before it is cut short.',
  ),
  projections: parsed(booleanOf)
    .default(true)
    .meta(
      meta({
        description:
          'Whether this node runs projections and answers for their states. False leaves them to the others, of a busy leader say.',
        unit: 'true|false',
        defaultText: 'true',
      }),
    ),
  diskReserveBytes: whole(
    'bytes',
    GIB,
    0,
    Number.MAX_SAFE_INTEGER,
    'Free space on the disk below which this node takes no appends and hands leadership away; 0 switches it off.',
  ),
  ballastBytes: whole(
    'bytes',
    64 * MIB,
    0,
    16 * GIB,
    'The size of a file that is kept to be given up, so that a node can still open on a full disk; 0: none.',
  ),
};

const limits = {
  eventBytesMax: limit('eventBytesMax', 'bytes', 'The largest event.'),
  appendBytesMax: limit('appendBytesMax', 'bytes', 'The largest append.'),
  metadataBytesMax: limit('metadataBytesMax', 'bytes', 'The largest metadata of an event.'),
  eventsPerAppendMax: limit('eventsPerAppendMax', 'events', 'The most events in one append.'),
  streamsPerAppendMax: limit('streamsPerAppendMax', 'streams', 'The most streams in one append.'),
  readBatchEventsMax: limit(
    'readBatchEventsMax',
    'events',
    'The most events in one message of a read or a subscription; never more than 256.',
  ),
  readBatchBytesMax: limit(
    'readBatchBytesMax',
    'bytes',
    'About the most bytes of events in one message of a read or a subscription: the event that reaches it is the last; never more than 64 KiB and one event.',
  ),
  connectionsMax: whole(
    'connections',
    1000,
    1,
    100_000,
    'The most client connections at a time. Beyond them health checks and HTTP are answered, on 16 more.',
  ),
  streamsPerConnectionMax: whole('calls', 1000, 1, 100_000, 'The most calls at a time on one client connection.'),
  openCallsMax: whole(
    'calls',
    20_000,
    1,
    10_000_000,
    'The most calls at a time on all client connections together; an open one takes up to 10 KiB. Health checks are answered beyond them, too.',
  ),
  unhandledBytesMax: whole(
    'bytes',
    256 * MIB,
    20 * MIB,
    64 * GIB,
    'The most bytes received from all clients together and not yet handled: of incomplete requests and, counted apart, of appends that are not answered.',
  ),
  projectionMemoryBytesMax: whole(
    'bytes',
    GIB,
    64 * MIB,
    1024 * GIB,
    'About how much memory the sandboxes of all projections take together. Beyond it the largest begins anew, and reads the states that it needs again.',
  ),
  scavengeBytesPerSecond: whole(
    'bytes per second',
    32 * MIB,
    64 * 1024,
    64 * GIB,
    'How much of its log a node looks through in a second, at most, while it scavenges, and then rewrites of its tables.',
  ),
  scrubBytesPerSecond: whole(
    'bytes per second',
    8 * MIB,
    64 * 1024,
    64 * GIB,
    'How much of its index and its log a node reads in a second, at most, to find what its disk has damaged. For each millisecond of that it rests four, so a busy node reads less.',
  ),
  scrubRestMinutes: whole(
    'minutes',
    24 * 60,
    1,
    525_600,
    'How long a node rests after it has read everything for that, before it begins again. It begins when it starts.',
  ),
  chainCheckSeconds: whole(
    'seconds',
    60,
    1,
    86_400,
    'How often a node compares the chain hash of its log with those of the others. One that differs from a majority stops serving.',
  ),
  pendingAppendBytesMax: whole(
    'bytes',
    64 * MIB,
    MIB,
    16 * GIB,
    'The most bytes of appends that are judged and not yet applied; beyond it appends are refused for a while.',
  ),
};

export const nodeOptionsSchema = z
  .strictObject({ ...identity, ...addresses, ...exposure, ...running, ...limits })
  .superRefine((options, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (options.electionTimeoutMs < 3 * options.heartbeatIntervalMs) {
      refuse(
        'electionTimeoutMs',
        `${options.electionTimeoutMs} ms is less than three times heartbeatIntervalMs (${options.heartbeatIntervalMs} ms): one late heartbeat would cost the leader its office`,
      );
    }
    if (options.tickIntervalMs > options.heartbeatIntervalMs) {
      refuse(
        'tickIntervalMs',
        `${options.tickIntervalMs} ms is more than heartbeatIntervalMs (${options.heartbeatIntervalMs} ms)`,
      );
    }
    const { cluster, join, nodeId, listen, peerListen } = options;
    if (cluster && join) refuse('join', 'excludes cluster: a node either founds a cluster or joins one');
    if (cluster && !cluster.some((member) => member.nodeId === nodeId)) {
      const known = cluster.map((member) => member.nodeId).join(', ');
      refuse('cluster', `does not contain this node, ${show(nodeId)} (it names ${known}); set nodeId to one of these`);
    }
    if (listen.port !== 0 && formatAddress(listen) === formatAddress(peerListen)) {
      refuse('peerListen', `is the same as listen, ${formatAddress(listen)}`);
    }
  })
  .superRefine((options, context) => {
    for (const key of ['listen', 'peerListen'] as const) {
      if (options.insecure || isLoopback(options[key])) continue;
      const message = `${formatAddress(options[key])} can be reached from other machines, and there is neither TLS nor a login yet. Listen on 127.0.0.1, or say --insecure (FACTSTORE_INSECURE=true) where only trusted machines reach it`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .transform(withAddresses)
  .superRefine((options, context) => {
    if (!options.cluster && !options.join) return;
    for (const [key, told] of [
      ['advertise', options.advertise ?? options.listen],
      ['peerAdvertise', options.peerAdvertise ?? options.peerListen],
    ] as const) {
      if (!isWildcard(told)) continue;
      const message = `is needed: this node listens on ${told.host}, to which the others cannot connect`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

/** Fills in what others are told, where it follows from the rest. */
function withAddresses<
  T extends {
    nodeId: string;
    listen: Address;
    advertise?: Address | undefined;
    peerAdvertise?: Address | undefined;
    cluster?: readonly ({ nodeId: string } & Address)[] | undefined;
  },
>(options: T): T {
  const own = options.cluster?.find((member) => member.nodeId === options.nodeId);
  const peerAdvertise = options.peerAdvertise ?? (own && { host: own.host, port: own.port });
  let advertise = options.advertise;
  if (!advertise && isWildcard(options.listen) && options.listen.port !== 0 && peerAdvertise) {
    advertise = { host: peerAdvertise.host, port: options.listen.port };
  }
  return { ...options, advertise, peerAdvertise };
}

/**
 * Everything that configures a node. `advertise` and `peerAdvertise` are undefined where others are told the address
 * that the node really listens on, which with port 0 is only known then.
 */
export type NodeOptions = Readonly<z.output<typeof nodeOptionsSchema>>;

/** The name of a configuration key. */
type OptionKey = keyof NodeOptions;

/** A key with its meaning, and the names under which it can be given. */
export interface OptionInfo {
  readonly key: OptionKey;
  /** `--node-id` */
  readonly flag: string;
  /** `FACTSTORE_NODE_ID` */
  readonly variable: string;
  readonly unit: string;
  readonly defaultText: string;
  readonly description: string;
  readonly common: boolean;
  readonly preset: string | undefined;
}

/** Every key, in the order in which a person should read them. */
export const OPTION_INFOS: readonly OptionInfo[] = Object.entries({
  ...identity,
  ...addresses,
  ...exposure,
  ...running,
  ...limits,
}).map(([key, schema]) => {
  const info = schema.meta() as unknown as KeyMeta;
  return {
    key: key as OptionKey,
    flag: `--${separated(key, '-')}`,
    variable: `FACTSTORE_${separated(key, '_').toUpperCase()}`,
    unit: info.unit,
    defaultText: info.defaultText,
    description: info.description,
    common: info.common ?? false,
    preset: info.preset,
  };
});

function separated(key: string, by: string): string {
  return key.replace(/[A-Z]/g, (letter) => by + letter.toLowerCase());
}
