import { FactstoreError, invalid, overLimit } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { LIMITS } from '../model/limits.ts';
import type { Projection } from '../model/projection.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { OpenCalls } from '../runtime/open-calls.ts';
import type { Watched } from '../runtime/watched.ts';
import { describeDivergences } from './digest-comparison.ts';
import type { Emitter } from './emitter.ts';
import type { ParkedEvent, PartitionRows } from './generation-store.ts';
import { answering, type Hosted, type ProjectionHost } from './host.ts';
import type { PartitionState } from './partition-row.ts';
import { SHARED_STATE } from './program.ts';
import type { ProjectionRegistry } from './registry.ts';
import { describeFault, type GenerationRunner } from './runner.ts';

/** How fresh an answer must be, and how long to wait for that. */
export interface Freshness {
  /** The state includes everything up to this position; 0: what this node has. */
  readonly atLeast: number;
  readonly waitMs: number;
}

/** What every answer about a state tells of itself. */
interface AnswerPlace {
  /** The state is that of this generation, with everything up to `at`. */
  readonly generation: number;
  readonly at: number;
}

/** The state of one partition; of a projection without partitions, of the empty one. */
export interface StateAnswer extends PartitionState, AnswerPlace {
  readonly partition: string;
  /** True: no state, but the word of a watch that it tells from now on whatever changes behind `at`. */
  readonly begun?: boolean;
}

/** A page of partitions. */
export interface PartitionPage extends AnswerPlace {
  readonly partitions: readonly ({ readonly partition: string } & PartitionState)[];
  /** Empty: there is no other page. */
  readonly next: string;
}

/** How a generation is on this node. */
export interface GenerationStatus {
  readonly generation: number;
  readonly state: 'running' | 'catchingUp' | 'faulted' | 'disabled';
  readonly checkpoint: number;
  readonly lag: number;
  readonly percent: number;
  readonly eventsPerSecond: number;
  /** Why it stands still; empty: it does not. */
  readonly fault: string;
  /** The event before which it stands still; 0: none. */
  readonly faultPosition: number;
  /** Appends that wait to be made. */
  readonly outbox: number;
  /** How much memory its sandbox has taken; 0: it does not run. */
  readonly memoryBytes: number;
  /** How its states differ from those of another node; empty: that is not known of any. */
  readonly divergence: string;
  /** What it waits for before it goes on; empty: for nothing. */
  readonly waitsFor: string;
}

/** How a projection is on this node. */
export interface ProjectionStatus {
  readonly projection: Projection;
  readonly head: number;
  readonly active: GenerationStatus;
  readonly building: GenerationStatus | undefined;
  readonly parked: readonly ParkedEvent[];
}

/** What is known of a projection on this node without waiting for anything. */
export interface ProjectionReading extends GenerationStatus {
  readonly name: string;
  /** Events that the generation has processed since it was started here. */
  readonly processed: number;
}

const DEFAULT_PARTITIONS = 100;
/** So many are read at a time where all are looked at. */
const PARTITIONS_PER_TURN = 100;
const PARKED_SHOWN = 10;
/** That many positions behind, a projection still counts as running. */
const RUNNING_LAG = 1_000;

/** Which states to follow: that of one partition, or those of all whose names begin with a prefix. */
interface Followed {
  readonly partition: string | undefined;
  readonly prefix: string;
  /** Whether to say first where the watch begins. */
  readonly tellBegun?: boolean;
}

interface QueryPorts {
  readonly registry: ProjectionRegistry;
  readonly host: ProjectionHost;
  readonly head: Watched;
  readonly calls: OpenCalls;
  readonly clock: Clock;
}

/** Answers what is asked about the projections of this node. */
export class ProjectionQueries {
  private readonly registry: ProjectionRegistry;
  private readonly host: ProjectionHost;
  private readonly head: Watched;
  private readonly calls: OpenCalls;
  private readonly clock: Clock;

  constructor(ports: QueryPorts) {
    this.registry = ports.registry;
    this.host = ports.host;
    this.head = ports.head;
    this.calls = ports.calls;
    this.clock = ports.clock;
  }

  list(): Promise<ProjectionStatus[]> {
    return Promise.all(this.registry.list().map(({ name }) => this.status(name)));
  }

  async status(name: string): Promise<ProjectionStatus> {
    const hosted = await this.host.hosted(name);
    const { projection, generations } = hosted;
    const building = projection.building && generations.get(projection.building.generation);
    const runner = generations.get(projection.active.generation) ?? answeringOf(hosted);
    return {
      projection,
      head: this.head.value,
      active: this.activeStatus(hosted, runner),
      building: building && this.generationStatus(hosted, building),
      parked: await runner.store.parked(PARKED_SHOWN),
    };
  }

  /** Each projection with its active generation, in the order in which this node has met them. */
  readings(): ProjectionReading[] {
    return Array.from(this.host.all).flatMap((hosted) => {
      const { name, active } = hosted.projection;
      const runner = hosted.generations.get(active.generation) ?? answering(hosted);
      if (!runner) return [];
      return [{ name, ...this.activeStatus(hosted, runner), processed: runner.progress.total }];
    });
  }

  /** Ends in NOT_FOUND where the projection or the partition does not exist. */
  async state(name: string, partition: string, freshness: Freshness, signal: Signal): Promise<StateAnswer> {
    const runner = await this.fresh(name, freshness, signal);
    const at = runner.checkpoint.value;
    const found = await runner.store.partition(partition);
    if (!found) throw noPartition(name, partition, at);
    return { partition, ...found, generation: runner.generation.generation, at };
  }

  async partitions(
    name: string,
    page: { readonly prefix: string; readonly after: string; readonly limit: number },
    freshness: Freshness,
    signal: Signal,
  ): Promise<PartitionPage> {
    const { prefix, after } = page;
    if (page.limit > LIMITS.listedPartitionsMax) {
      throw overLimit('limit', LIMITS.listedPartitionsMax, page.limit, 'partitions');
    }
    if (after !== '' && !after.startsWith(prefix)) throw invalid('after', 'does not begin with the prefix');
    const limit = page.limit || DEFAULT_PARTITIONS;
    const runner = await this.fresh(name, freshness, signal);
    const at = runner.checkpoint.value;
    const { rows, more } = await runner.store.partitions(prefix, after, limit);
    const partitions = rows.map(([partition, state]) => ({ partition, ...state }));
    const next = more ? (partitions.at(-1)?.partition ?? '') : '';
    return { partitions, next, generation: runner.generation.generation, at };
  }

  /**
   * Each state that changes, of several changes of one in a row the last; of a partition that is asked for by name, first
   * the state as it is. Where another generation answers from then on, all of them. Ends where all calls do, and of many
   * partitions in LIMIT_EXCEEDED where it could not tell of all that changed.
   */
  watch(name: string, wanted: Followed, signal: Signal): AsyncGenerator<StateAnswer> {
    return this.calls.follow(signal, (until) => this.changes(name, wanted, until));
  }

  private async *changes(name: string, wanted: Followed, signal: Signal): AsyncGenerator<StateAnswer> {
    const { partition: one, prefix, tellBegun } = wanted;
    const { watchers } = await this.host.hosted(name);
    // The state that all share is no partition, unless it is asked for by its name.
    const watcher = watchers.watch((partition) =>
      one === undefined ? partition.startsWith(prefix) && partition !== SHARED_STATE : partition === one,
    );
    try {
      if (tellBegun) yield { ...(await this.stateNow(name, '')), state: undefined, result: undefined, begun: true };
      if (one !== undefined) yield await this.stateNow(name, one);
      for (let changes = await watcher.next(signal); changes; changes = await watcher.next(signal)) {
        const isExchanged = changes.former.length > 0;
        if (one === undefined) {
          if (changes.missed) throw missedSome(name);
          if (isExchanged) yield* this.statesAnew(name, prefix, changes.former, signal);
        }
        const isAnew = isExchanged || changes.missed;
        const named = isAnew && one !== undefined ? [one] : changes.partitions;
        for (const partition of named) {
          if (signal.aborted) return;
          yield await this.stateNow(name, partition);
        }
      }
    } finally {
      watcher.close();
    }
  }

  /** All states as the generation has them that answers now, and of what others had that answered before, what it has not. */
  private async *statesAnew(
    name: string,
    prefix: string,
    former: readonly number[],
    signal: Signal,
  ): AsyncGenerator<StateAnswer> {
    const hosted = await this.host.hosted(name);
    const runner = answeringOf(hosted);
    const { generation } = runner.generation;
    for await (const { at, rows } of pagesOf(runner, prefix)) {
      if (signal.aborted) return;
      for (const [partition, state] of rows) yield { partition, ...state, generation, at };
    }
    for (const number of former) {
      const before = hosted.generations.get(number);
      if (before === runner) continue;
      for await (const { rows } of before ? pagesOf(before, prefix) : []) {
        if (signal.aborted) return;
        for (const [partition] of rows) {
          const now = await this.stateNow(name, partition);
          if (!now.state && !now.result) yield now;
        }
      }
      // It may have been removed meanwhile, as it is two updates later: nobody knows then what it had.
      if (!hosted.generations.has(number)) throw missedSome(name);
    }
  }

  /** Neither state nor result: the partition does not exist, or no more. */
  private async stateNow(name: string, partition: string): Promise<StateAnswer> {
    const runner = answeringOf(await this.host.hosted(name));
    const at = runner.checkpoint.value;
    const { state, result } = (await runner.store.partition(partition)) ?? { state: undefined, result: undefined };
    return { partition, state, result, generation: runner.generation.generation, at };
  }

  /** The generation that answers, once it has come as far as was asked. */
  private async fresh(name: string, { atLeast, waitMs }: Freshness, signal: Signal): Promise<GenerationRunner> {
    const hosted = await this.host.hosted(name);
    const now = answeringOf(hosted);
    if (now.checkpoint.value >= atLeast) return now;
    const bounded = withDeadline(this.clock, waitMs, signal);
    try {
      const { active } = hosted.projection;
      await (hosted.generations.get(active.generation) ?? now).reached(atLeast, bounded.signal);
    } finally {
      bounded.release();
    }
    const current = answeringOf(hosted);
    const at = current.checkpoint.value;
    if (at >= atLeast) return current;
    const fault = current.faulted ? `: it stands still (${describeFault(current.faulted)})` : '';
    const waits = current.waitsFor === undefined ? '' : `: it waits (${current.waitsFor})`;
    const disabled = hosted.projection.enabled ? '' : ': it is disabled';
    throw new FactstoreError(
      'BEHIND',
      `projection ${JSON.stringify(name)} is at position ${at} on this node and did not reach ${atLeast} in time${fault}${waits}${disabled}; ask another node, or wait longer`,
      { projection: name, at, wanted: atLeast },
    );
  }

  /** Of a projection as a whole: what refuses its emissions stops it, too. */
  private activeStatus(hosted: Hosted, runner: GenerationRunner): GenerationStatus {
    const active = this.generationStatus(hosted, runner);
    const refused = hosted.emitter?.refused?.message;
    return refused === undefined ? active : { ...active, state: 'faulted', fault: refused };
  }

  private generationStatus({ projection, emitter }: Hosted, runner: GenerationRunner): GenerationStatus {
    const head = this.head.value;
    const { generation } = runner.generation;
    const checkpoint = runner.checkpoint.value;
    const lag = Math.max(0, head - checkpoint);
    const { faulted } = runner;
    const moving = lag <= RUNNING_LAG ? 'running' : 'catchingUp';
    return {
      generation,
      state: faulted ? 'faulted' : projection.enabled ? moving : 'disabled',
      checkpoint,
      lag,
      percent: head === 0 ? 100 : Math.floor((1000 * Math.min(checkpoint, head)) / head) / 10,
      eventsPerSecond: runner.progress.eventsPerSecond,
      fault: faulted ? describeFault(faulted) : '',
      faultPosition: faulted ? Number(faulted.position) : 0,
      outbox: runner.store.outboxRows,
      memoryBytes: runner.memoryBytes,
      divergence: describeDivergences(runner.divergences),
      waitsFor: runner.waitsFor ?? outboxObstacle(runner, emitter) ?? '',
    };
  }
}

/** A generation emits only once those before it have, and pauses where too much waits for that. */
function outboxObstacle({ generation, outboxIsFull, store }: GenerationRunner, emitter: Emitter | undefined) {
  const sends = emitter?.sends;
  if (sends === undefined || sends === generation.generation) return undefined;
  if (outboxIsFull) return `its outbox is full: it waits for what generation ${sends} is still to emit`;
  if (!emitter?.standsStill || store.outboxRows === 0) return undefined;
  return `what it emits waits for generation ${sends}, which stands still: projection enable tries that again`;
}

function answeringOf(hosted: Hosted): GenerationRunner {
  const { projection } = hosted;
  const runner = answering(hosted);
  if (runner?.lacking) {
    const text = `projection ${JSON.stringify(projection.name)} cannot be asked on this node: ${runner.waitsFor}; ask another node`;
    throw new FactstoreError('NOT_READY', text, { projection: projection.name });
  }
  if (runner) return runner;
  throw new FactstoreError('NOT_READY', `projection ${JSON.stringify(projection.name)} is being opened on this node`);
}

/** All partitions of a generation whose names begin so, in pieces, each with the position that its states have come to. */
async function* pagesOf({ store, checkpoint }: GenerationRunner, prefix: string) {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const at = checkpoint.value;
    const { rows, more }: PartitionRows = await store.partitions(prefix, after, PARTITIONS_PER_TURN);
    yield { at, rows };
    after = more ? rows.at(-1)?.[0] : undefined;
  }
}

function missedSome(name: string): FactstoreError {
  const what = `more partitions of projection ${JSON.stringify(name)} changed than this watch could tell`;
  // Not to be tried again by itself: who follows it would never hear of what was left out.
  return new FactstoreError('LIMIT_EXCEEDED', `${what}; begin it anew, and read the states again`, {
    projection: name,
  });
}

function noPartition(name: string, partition: string, at: number): FactstoreError {
  const what = partition === '' ? 'no state' : `no partition ${JSON.stringify(partition)}`;
  return new FactstoreError('NOT_FOUND', `projection ${JSON.stringify(name)} has ${what} at position ${at}`, {
    projection: name,
    partition,
    at,
  });
}
