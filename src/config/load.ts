import { readFileSync } from 'node:fs';
import { FactstoreError } from '../base/errors.ts';
import type { NodeOptions } from './options.ts';

/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of this process; the only place that reads them. */
export function environment(): Environment {
  return process.env;
}

const DEFAULT_URL = 'factstore://127.0.0.1:2113';

/** Where the cluster is: the flag, else FACTSTORE_URL, else a node on this machine. */
export function clusterUrl(flag: string | undefined, env: Environment): string {
  return flag ?? (env.FACTSTORE_URL || DEFAULT_URL);
}

/** Variables that belong to clients, or say where the file is. */
const OTHER_VARIABLES = ['FACTSTORE_URL', 'FACTSTORE_CONFIG'];

/**
 * Kubernetes puts variables like FACTSTORE_PORT_2113_TCP_ADDR into every container beside a service that is called
 * factstore. They are not meant for us.
 */
const KUBERNETES = /^FACTSTORE_(?:.*_)?(?:SERVICE_(?:HOST|PORT)(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP).*)?)$/;

/** Something that configures a node, and how an error names it. */
interface Given {
  readonly value: unknown;
  readonly at: string;
}

/** One thing that is wrong with the configuration. */
interface Problem {
  readonly key: string;
  readonly text: string;
}

/** What configures a node, and where it comes from. */
export interface Settings {
  readonly options: NodeOptions;
  /** `--node-id`, `FACTSTORE_NODE_ID`, `nodeId in factstore.yaml:3`; undefined: nobody said anything. */
  source(key: string): string | undefined;
}

/** As `loadSettings`, for whom the options are enough. */
export async function loadNodeOptions(
  flags: Readonly<Record<string, string | undefined>>,
  env: Environment = environment(),
): Promise<NodeOptions> {
  return (await loadSettings(flags, env)).options;
}

/**
 * The options of a node: flags win over FACTSTORE_* variables, these over the YAML file (`--config`,
 * FACTSTORE_CONFIG), and that over the defaults. Ends in one INVALID_ARGUMENT that names every problem. `flags` holds
 * keys as in the file, and `config` for the file's path.
 */
export async function loadSettings(
  flags: Readonly<Record<string, string | undefined>>,
  env: Environment,
): Promise<Settings> {
  // The schema and the YAML parser are only loaded for `serve`: other commands are to start quickly.
  const { nodeOptionsSchema, OPTION_INFOS } = await import('./options.ts');
  const { didYouMean } = await import('./suggest.ts');
  const keys = OPTION_INFOS.map((info) => info.key as string);
  const problems: Problem[] = [];
  const given = new Map<string, Given>();

  const path = flags.config ?? (env.FACTSTORE_CONFIG || undefined);
  if (path !== undefined) {
    for (const { key, value, line } of await readFile(path)) {
      const at = `${path}:${line}`;
      if (keys.includes(key)) given.set(key, { value, at: `${key} in ${at}` });
      else problems.push({ key, text: `unknown key "${key}" in ${at}${didYouMean(key, keys)}` });
    }
  }
  const variables = new Map(OPTION_INFOS.map((info) => [info.variable, info.key as string]));
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('FACTSTORE_') || value === undefined) continue;
    const key = variables.get(name);
    if (key !== undefined) given.set(key, { value, at: name });
    else if (!OTHER_VARIABLES.includes(name) && !KUBERNETES.test(name)) {
      const hint = didYouMean(name, [...variables.keys(), ...OTHER_VARIABLES]);
      problems.push({ key: name, text: `unknown variable ${name}${hint}` });
    }
  }
  for (const info of OPTION_INFOS) {
    const value = flags[info.key];
    if (value !== undefined) given.set(info.key, { value, at: info.flag });
  }

  const parsed = nodeOptionsSchema.safeParse(Object.fromEntries([...given].map(([key, { value }]) => [key, value])));
  for (const issue of parsed.error?.issues ?? []) {
    const key = String(issue.path[0] ?? '');
    problems.push({ key, text: `${given.get(key)?.at ?? key}: ${issue.message}` });
  }
  if (!parsed.success || problems.length > 0) throw refusal(problems);
  return { options: Object.freeze(parsed.data), source: (key) => given.get(key)?.at };
}

/** Options from values as the file has them, everything else at its default: for programs and tests. */
export async function nodeOptions(values: Readonly<Record<string, unknown>> = {}): Promise<NodeOptions> {
  const { nodeOptionsSchema } = await import('./options.ts');
  const parsed = nodeOptionsSchema.safeParse(values);
  if (parsed.success) return Object.freeze(parsed.data);
  throw refusal(
    parsed.error.issues.map((issue) => ({
      key: issue.path.join('.'),
      text: `${issue.path.join('.')}: ${issue.message}`,
    })),
  );
}

async function readFile(path: string) {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refusal([{ key: 'config', text: `cannot read ${path}: ${reason}` }]);
  }
  const { readYaml } = await import('./yaml-file.ts');
  const content = readYaml(text);
  if ('reason' in content) throw refusal([{ key: 'config', text: `${path}:${content.line}: ${content.reason}` }]);
  return content.entries;
}

function refusal(problems: readonly Problem[]): FactstoreError {
  const message = problems.map((problem) => `config: ${problem.text}`).join('\n');
  return new FactstoreError('INVALID_ARGUMENT', message, { keys: problems.map((problem) => problem.key) });
}
