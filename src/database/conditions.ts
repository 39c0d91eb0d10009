import { FactstoreError } from '../base/errors.ts';
import { scanRecordedEvent } from '../model/event.ts';
import { LIMITS } from '../model/limits.ts';
import { type AppendCondition, breadthOf, type Query } from '../model/query.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ConditionsSeen } from '../sequencer/ports.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import { type EventReader, isOf, type ReadBatch, type ReadEvent } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import type { SpendRows } from '../storage/index/posting-cursor.ts';
import { queryPlacesInMemory } from '../storage/index/query-places.ts';

/** What the look-up of one append's conditions may cost (rule S4). */
interface Budget {
  readonly rows: number;
  readonly ms: number;
}

/** Conditions of more names are looked up step by step. */
const NAMES_AT_ONCE = 64;
/** A prefix is compared with all streams of a block, where a name is looked up in a table: 0.4 ms at most, not a microsecond. */
const NAMES_PER_PREFIX = 8;

/** How many events that may match are looked at without waiting. */
const EVENTS_AT_ONCE = 16;

const BUDGET: Budget = { rows: 100_000, ms: 2_000 };

/** So many look-ups that were given up may still wait for their read; before further ones are begun, some have to end. */
const GIVEN_UP_MAX = 256;

/** How far a look-up has come. */
interface Looked {
  /** Of the conditions that have been looked up. */
  readonly matched: boolean[];
  /** How many rows of the index were read. */
  rows: number;
}

/** Events as the answer to a conflict shows them. */
export interface ShownEvents {
  /** Each a RecordedEvent as bytes, oldest first. */
  readonly events: readonly Uint8Array[];
  /** True: there are more than these, or of those before some may be hidden by now (rule R1). */
  readonly cut: boolean;
}

/** The first phase of judging conditions (rule S4): what the index knows, before the serial path. */
export class Conditions {
  private readonly index: EventIndex;
  private readonly reader: EventReader;
  private readonly clock: Clock;
  private readonly budget: Budget;
  /** How many look-ups were given up and have not ended yet. */
  private givenUp = 0;

  constructor(index: EventIndex, reader: EventReader, clock: Clock, budget: Partial<Budget> = {}) {
    this.index = index;
    this.reader = reader;
    this.clock = clock;
    this.budget = { ...BUDGET, ...budget };
  }

  /**
   * Looks without waiting; undefined where that takes more than memory has, or too much to do it in one go (rule C3).
   */
  seeAtOnce(conditions: readonly AppendCondition[]): ConditionsSeen | undefined {
    if (conditions.reduce((sum, { query }) => sum + namesOf(query), 0) > NAMES_AT_ONCE) return undefined;
    const view = this.index.view();
    const matched: boolean[] = [];
    for (const { query, after } of conditions) {
      const found = after >= view.head ? false : this.matchesAtOnce(view, query, after);
      if (found === undefined) return undefined;
      matched.push(found);
    }
    return { position: view.head, matched };
  }

  /**
   * Looks at everything up to the head. Ends in LIMIT_EXCEEDED where that takes too much. A read may take long, as where the
   * tables of the index are still being checked: it is not waited for, because whoever waits keeps all in memory that is
   * appended meanwhile. Where none has ended, it ends in NOT_READY.
   */
  see(conditions: readonly AppendCondition[]): Promise<ConditionsSeen> {
    const { ms } = this.budget;
    if (this.givenUp >= GIVEN_UP_MAX) return Promise.reject(notAnswered(ms));
    const looked = { matched: [], rows: 0 };
    const overdue = () =>
      looked.rows > 0 ? tooExpensive(looked.matched.length, `more than ${ms} ms`) : notAnswered(ms);
    const looking = this.look(conditions, looked);
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(ms, () => {
        reject(overdue());
        this.givenUp++;
        const ended = () => void this.givenUp--;
        looking.then(ended, ended);
      });
      looking.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private async look(conditions: readonly AppendCondition[], looked: Looked): Promise<ConditionsSeen> {
    const { matched } = looked;
    const view = this.index.view();
    const spend = this.spending(looked);
    for (const [n, { query, after }] of conditions.entries()) {
      let found = false;
      for await (const { events } of this.matching(view, query, after, 1, (rows) => spend(n, rows))) {
        found = events.length > 0;
        if (found) break;
      }
      matched.push(found);
    }
    return { position: view.head, matched };
  }

  /**
   * The matching events behind `after` and up to a position, at most a few: what the answer to a conflict shows. Whoever
   * decided on what matched before adds them to it, so it is told where some of that may be hidden now.
   */
  async show({ query, after }: AppendCondition, position: number): Promise<ShownEvents> {
    const view = this.index.view();
    const found = await shown(this.matching(view, query, after, LIMITS.conflictEventsMax + 1), position);
    return after > 0 && view.mayHideMoreSince(after) ? { ...found, cut: true } : found;
  }

  /** The events of a stream behind a revision, likewise. */
  async showStream(stream: string, revision: number, position: number): Promise<ShownEvents> {
    const range = { from: revision + 1, limit: LIMITS.conflictEventsMax + 1 };
    const view = this.index.view();
    const found = await shown(this.reader.readStream(view, stream, range), position);
    return revision >= 0 && (await view.mayHideMoreOf(stream, revision)) ? { ...found, cut: true } : found;
  }

  private matchesAtOnce(view: IndexView, query: Query, after: number): boolean | undefined {
    if (query.items.length === 0) return undefined;
    const positions = queryPlacesInMemory(view, query, after + 1);
    if (!positions) return undefined;
    // The newest are the likeliest to be in memory.
    for (const position of positions.slice(-EVENTS_AT_ONCE).reverse()) {
      const event = this.reader.readAtOnce(view, position);
      if (!event) return undefined;
      if (isOf(query, event)) return this.isVisibleAtOnce(view, event);
    }
    return positions.length > EVENTS_AT_ONCE ? undefined : false;
  }

  /** Of a stream of which something is hidden, whether this event is takes a look-up (rule S11). */
  private isVisibleAtOnce(view: IndexView, event: ReadEvent): true | undefined {
    if (event.erased) return undefined;
    if (!view.hidesAny) return true;
    const stream = scanRecordedEvent(event.bytes)?.stream;
    return stream === undefined || view.retentionOf(stream) ? undefined : true;
  }

  private matching(
    view: IndexView,
    query: Query,
    after: number,
    limit: number,
    spend?: SpendRows,
  ): AsyncIterable<ReadBatch> {
    const range = { from: after + 1, limit, spend };
    return query.items.length === 0
      ? this.reader.readAll(view, { ...range, userEvents: true })
      : this.reader.readQuery(view, query, range);
  }

  /** Throws once the time is spent that looks at the events in flight may take, beside those at the index. */
  spendingTime(): () => void {
    const { ms } = this.budget;
    const untilMs = this.clock.monotonicMs() + ms;
    return () => {
      if (this.clock.monotonicMs() > untilMs) throw tooWide(ms);
    };
  }

  /** Counts down; throws once the budget is spent. */
  private spending(looked: Looked): (condition: number, rows: number) => void {
    const { rows, ms } = this.budget;
    const untilMs = this.clock.monotonicMs() + ms;
    return (condition, more) => {
      looked.rows += more;
      if (looked.rows > rows) throw tooExpensive(condition, `more than ${rows} rows of the index`);
      if (this.clock.monotonicMs() > untilMs) throw tooExpensive(condition, `more than ${ms} ms`);
    };
  }
}

/** How many names it takes as long to look for as for all that a query has. */
function namesOf({ items }: Query): number {
  return items.reduce((sum, item) => sum + breadthOf(item) + (NAMES_PER_PREFIX - 1) * item.streamPrefixes.length, 0);
}

async function shown(
  batches: AsyncIterable<{ readonly events: readonly ReadEvent[] }>,
  position: number,
): Promise<ShownEvents> {
  const events: Uint8Array[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const event of batch.events) {
      if (event.position > position) return { events, cut: false };
      bytes += event.bytes.length;
      if (events.length === LIMITS.conflictEventsMax || bytes > LIMITS.conflictBytesMax) return { events, cut: true };
      events.push(event.bytes);
    }
  }
  return { events, cut: false };
}

function tooWide(ms: number): FactstoreError {
  return new FactstoreError(
    'LIMIT_EXCEEDED',
    `conditions: comparing them with the events in flight took more than ${ms} ms. Nothing was written. Name fewer streams, prefixes, types and tags, or append again when fewer events are in flight.`,
    { field: 'conditions' },
  );
}

function notAnswered(ms: number): FactstoreError {
  return new FactstoreError(
    'NOT_READY',
    `the index of the leader gave nothing for ${ms} ms, so the conditions were not looked up; behind a start its tables are checked first. Nothing was written; try again shortly.`,
  );
}

function tooExpensive(condition: number, what: string): FactstoreError {
  const field = `conditions[${condition}]`;
  return new FactstoreError(
    'LIMIT_EXCEEDED',
    `${field}: looking for matching events took ${what}. Nothing was written. Give the position up to which they are known as "after", or name a tag that fewer events have.`,
    { field },
  );
}
