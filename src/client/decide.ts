import { appendWrites } from './append.ts';
import type { AppendPipeline } from './append-pipeline.ts';
import type { EventShape, RecordedEvent } from './event-types.ts';
import type { AppendResult, DecideOptions, StreamWrite } from './options.ts';
import { type Query, queryArgument } from './queries.ts';
import { EventRead, readRequest } from './read.ts';
import { type Decision, type Limits, untilDecided } from './retrying.ts';
import { type Session, underSignals } from './session.ts';

/** What `decide` is told besides the events. */
export interface DecideContext {
  /** All matching events up to this position are known. */
  readonly position: bigint;
  /** 1 at first; one more after each conflict. */
  readonly attempt: number;
}

/**
 * Decides, from the events that match a query, what is to be appended, and to which streams. Nothing, or an empty list:
 * there is nothing to do. It may be called more than once, and must have no effects of its own.
 */
export type DecideOnQuery<E extends EventShape> = (
  events: readonly RecordedEvent<E>[],
  context: DecideContext,
) => readonly StreamWrite<E>[] | undefined | Promise<readonly StreamWrite<E>[] | undefined>;

/** The matching events, all of them up to a position. */
interface Matches<E extends EventShape> {
  readonly events: readonly RecordedEvent<E>[];
  readonly position: bigint;
}

/** Reads, decides, appends what was decided if no match has come behind what was read, and else does so again. */
export async function decideOnQuery<E extends EventShape>(
  session: Session,
  pipeline: AppendPipeline,
  query: Query,
  decide: DecideOnQuery<E>,
  options: DecideOptions = {},
): Promise<AppendResult | undefined> {
  const target = { kind: 'query', query: queryArgument('query', query) } as const;
  const { attemptsMax, timeoutMs, producer, consistency } = options;
  const read = async (limits: Limits): Promise<Matches<E>> => {
    const reading = new EventRead<E>(session, readRequest(session, target, { consistency }), limits);
    const { head } = await reading.start();
    return { events: await reading.toArray(), position: head };
  };
  const decision: Decision<Matches<E>, E> = {
    what: 'decision on a query',
    about: `query ${JSON.stringify(target.query)}`,
    // What it appends need not match its query, and then does not concern the others.
    exclusive: false,
    attemptsMax,
    timeoutMs,
    read,
    decide: async ({ events, position }, attempt) =>
      (await decide(events, { position, attempt })) as readonly StreamWrite[] | undefined,
    append: (writes, { position }, limits) => {
      const conditions = [{ failIfEventsMatch: query, after: position }];
      return appendWrites(session, pipeline, writes, { ...limits, conditions, producer });
    },
    catchUp: (known, { conditions: [condition], position }) => {
      // Where only a check of a stream failed, nothing is told of the matches, of which some may be hidden by now.
      if (!condition || condition.cut) return undefined;
      return { events: [...known.events, ...condition.events], position };
    },
  };
  return underSignals(session, options.signal, (signal) => untilDecided(session, signal, decision));
}
