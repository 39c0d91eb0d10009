import type { Command } from 'commander';
import { parseWhole } from './args.ts';
import { UsageError } from './failure.ts';
import type { AppendCondition, Query, QueryItem } from './store.ts';

/** The flags that say which events are meant. */
export interface QueryFlags {
  readonly type: readonly string[];
  readonly tag: readonly string[];
  readonly category: readonly string[];
  readonly stream: readonly string[];
  readonly where?: string;
}

export function addQueryFlags(command: Command): Command {
  return command
    .option('--type <TYPE>', 'events of this type; repeated, of any of them', collect, [])
    .option('--tag <TAG>', 'events with this tag; repeated, with all of them', collect, [])
    .option(
      '--category <NAME>',
      'of streams whose names up to the first "-" are this; repeated, any of them',
      collect,
      [],
    )
    .option('--stream <NAME>', 'of this stream; NAME* means all that begin so; repeated, any of them', collect, [])
    .option(
      '--where <JSON>',
      'items joined by OR, as JSON: [{"types": [], "tags": [], "categories": [], "streams": []}]',
    );
}

export function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** The query that the flags make; undefined where none of them is given. The short ones make one item. */
export function parseQuery(flags: QueryFlags): Query | undefined {
  const item: QueryItem = { types: flags.type, tags: flags.tag, categories: flags.category, streams: flags.stream };
  const given = Object.values(item).some((names: readonly string[]) => names.length > 0);
  if (flags.where === undefined) return given ? item : undefined;
  if (given) throw new UsageError('give --where, or --type, --tag, --category and --stream, not both');
  return parseWhere('--where', flags.where);
}

/** A query as JSON. What its items look like is judged where it is used. */
function parseWhere(name: string, text: string): Query {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${name}: is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value === 'object' && value !== null) return value as Query;
  throw new UsageError(`${name}: a list of items is expected, such as [{"types": ["OrderPlaced"]}]`);
}

/** The flags of a consistency boundary. */
export interface ConditionFlags {
  readonly failIfEventsMatch?: string;
  readonly after?: string;
}

export function addConditionFlags(command: Command): Command {
  return command
    .option('--fail-if-events-match <JSON>', 'refuse it where an event matches this query, as in: query --where JSON')
    .option('--after <POSITION>', 'with --fail-if-events-match: only events behind this position count');
}

/** The conditions that the flags make: none or one. */
export function parseConditions({ failIfEventsMatch, after }: ConditionFlags): AppendCondition[] {
  if (failIfEventsMatch === undefined) {
    if (after !== undefined) throw new UsageError('--after goes with --fail-if-events-match');
    return [];
  }
  const query = parseWhere('--fail-if-events-match', failIfEventsMatch);
  return [{ failIfEventsMatch: query, after: after === undefined ? 0n : parseWhole('--after', after) }];
}
