import { decodeUtf8 } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { ChangeProjectionResponse__Output } from '../proto/gen/factstore/v1/ChangeProjectionResponse.ts';
import type { GenerationStatus__Output } from '../proto/gen/factstore/v1/GenerationStatus.ts';
import type { PartitionState__Output } from '../proto/gen/factstore/v1/PartitionState.ts';
import type { ProjectionAction } from '../proto/gen/factstore/v1/ProjectionAction.ts';
import type { ProjectionInfo__Output } from '../proto/gen/factstore/v1/ProjectionInfo.ts';
import { projectionsService } from '../proto/load.ts';
import { placeArgument, textArgument } from './arguments.ts';
import type { ClusterClient } from './cluster.ts';
import { uuidOrNew } from './identifiers.ts';
import { ask } from './lookups.ts';
import { PROBE_TIMEOUT_MS } from './node.ts';
import type { CallOptions } from './options.ts';
import { type WatchOptions, watchProjection } from './projection-watch.ts';
import { type Session, underSignals } from './session.ts';
import { asFactstoreError } from './status-error.ts';

/** What becomes of an event at which a handler throws: the projection stands still, or goes on without it. */
export type ProjectionErrorPolicy = 'fault' | 'park';

/** How to define a projection. */
export interface DefineOptions extends CallOptions {
  /** `fault` unless given; in an update, as it was. */
  readonly onError?: ProjectionErrorPolicy | undefined;
}

/** A change that is durable on a majority of disks. */
export interface ProjectionChanged {
  readonly position: bigint;
  /** The generation that the change began, or that answers from now on. */
  readonly generation: bigint;
  /** True: it was so already. */
  readonly repeated: boolean;
}

/** How fresh a state must be. */
export interface StateOptions extends CallOptions {
  /** The least position that the state must include: that of your own append, say. As it is on the node unless given. */
  readonly atLeast?: bigint | number | undefined;
}

/** Which partitions to list. */
export interface PartitionsOptions extends StateOptions {
  /** Only names that begin with this. */
  readonly prefix?: string | undefined;
  /** Only names behind this one. */
  readonly after?: string | undefined;
  /** How many at most; all unless given. */
  readonly limit?: number | undefined;
}

/** What a projection has of one partition. */
export interface ProjectionState<State = unknown, Result = State> {
  /** Empty for a projection without partitions. */
  readonly partition: string;
  /** Undefined: it has none (any more). */
  readonly state: State | undefined;
  /** What the projection's transformations make of the state; without any, the state. Undefined where it is left out. */
  readonly result: Result | undefined;
  /** The state includes everything up to this position. */
  readonly at: bigint;
  readonly generation: bigint;
}

/** How a generation of a projection is on one node. */
export interface ProjectionProgress {
  readonly generation: bigint;
  readonly state: 'running' | 'catchingUp' | 'faulted' | 'disabled';
  readonly checkpoint: bigint;
  /** How many positions it is behind the node's head. */
  readonly lag: bigint;
  readonly percent: number;
  readonly eventsPerSecond: number;
  /** Why it stands still, before which event; undefined: it does not. */
  readonly fault: { readonly message: string; readonly position: bigint } | undefined;
  /** How many appends it has emitted that are still to be made. */
  readonly outbox: number;
  /** How much memory its sandbox has taken; 0: it does not run. */
  readonly memoryBytes: number;
  /** How its states differ from those of another node, one of which is wrong; undefined: that is not known of any. */
  readonly divergence: string | undefined;
  /** What it waits for before it goes on, such as its state from another node; undefined: for nothing. */
  readonly waitsFor: string | undefined;
}

/** A projection, and how it is on one node. */
export interface ProjectionInfo {
  readonly name: string;
  readonly source: string;
  readonly onError: ProjectionErrorPolicy;
  readonly enabled: boolean;
  /** The position of the last change. */
  readonly changedAt: bigint;
  readonly canRollBack: boolean;
  /** The node that answered. */
  readonly nodeId: string;
  readonly head: bigint;
  /** The generation that answers; undefined where the node does not run projections. */
  readonly active: ProjectionProgress | undefined;
  /** The one that is to take over. */
  readonly building: ProjectionProgress | undefined;
  /** The first events that were left out because a handler threw. */
  readonly parked: readonly { readonly position: bigint; readonly message: string }[];
}

/** What one member says of a projection, or why it says nothing. */
export type ProjectionOnMember =
  | { readonly address: string; readonly info: ProjectionInfo }
  | { readonly address: string; readonly unreachable: string };

const PAGE = 1_000;

/** Projections: states that follow from the events, kept on every node. */
export class ProjectionsClient {
  private readonly session: Session;
  private readonly cluster: ClusterClient;

  /** @internal */
  constructor(session: Session, cluster: ClusterClient) {
    this.session = session;
    this.cluster = cluster;
  }

  /**
   * Begins a projection. Ends in FAILED_PRECONDITION where there is one of that name, in INVALID_ARGUMENT (with `line` and
   * `column` in its details) where the source is no projection.
   */
  create(name: string, source: string, options?: DefineOptions): Promise<ProjectionChanged> {
    return this.define('Create', name, source, options);
  }

  /** Gives it another source, which is built beside the one there is and takes over once it has caught up. */
  update(name: string, source: string, options?: DefineOptions): Promise<ProjectionChanged> {
    return this.define('Update', name, source, options);
  }

  /** Lets it go on where it stood, also where a fault had stopped it. */
  enable(name: string, options?: CallOptions): Promise<ProjectionChanged> {
    return this.change('PROJECTION_ACTION_ENABLE', name, options);
  }

  /** Has it stand still; its states can still be asked for. */
  disable(name: string, options?: CallOptions): Promise<ProjectionChanged> {
    return this.change('PROJECTION_ACTION_DISABLE', name, options);
  }

  /** Builds all states anew; those there are answer until that has come as far. Nothing is emitted a second time. */
  reset(name: string, options?: CallOptions): Promise<ProjectionChanged> {
    return this.change('PROJECTION_ACTION_RESET', name, options);
  }

  /** Goes back to the generation before the last update or reset. */
  rollBack(name: string, options?: CallOptions): Promise<ProjectionChanged> {
    return this.change('PROJECTION_ACTION_ROLL_BACK', name, options);
  }

  /** Ends it, states and all. */
  delete(name: string, options?: CallOptions): Promise<ProjectionChanged> {
    return this.change('PROJECTION_ACTION_DELETE', name, options);
  }

  /** All projections, and how they are on the node that answers. */
  async list(options: StateOptions = {}): Promise<ProjectionInfo[]> {
    const request = { atLeast: atLeastOf(options) };
    const answer = await ask(this.session, 'the list of projections', options, (node, limits) =>
      node.unary(projectionsService.List, request, limits),
    );
    return answer.projections.map(infoOf);
  }

  /** One projection, and how it is on the node that answers. */
  async get(name: string, options: StateOptions = {}): Promise<ProjectionInfo> {
    const request = { name: textArgument('name', name), atLeast: atLeastOf(options) };
    const answer = await ask(this.session, `the look-up of projection "${name}"`, options, (node, limits) =>
      node.unary(projectionsService.Get, request, limits),
    );
    return infoOf(answer);
  }

  /** How a projection is on every member. */
  async status(name: string, options: Pick<CallOptions, 'signal'> = {}): Promise<ProjectionOnMember[]> {
    const { members } = await this.cluster.status(options);
    const request = { name: textArgument('name', name) };
    return underSignals(this.session, options.signal, (signal) =>
      Promise.all(
        members.map(async ({ address }): Promise<ProjectionOnMember> => {
          try {
            const node = this.session.nodes.add(address);
            const limits = { timeoutMs: PROBE_TIMEOUT_MS, signal };
            await node.reach(limits);
            return { address, info: infoOf(await node.unary(projectionsService.Get, request, limits)) };
          } catch (thrown) {
            const error = asFactstoreError(thrown);
            if (error.code === 'NOT_FOUND') throw error;
            return { address, unreachable: String(error.details.reason ?? error.message) };
          }
        }),
      ),
    );
  }

  /** The state of one partition. Ends in NOT_FOUND where the projection or the partition does not exist. */
  async state<State = unknown, Result = State>(
    name: string,
    partition = '',
    options: StateOptions = {},
  ): Promise<ProjectionState<State, Result>> {
    const request = { name: textArgument('name', name), partition, atLeast: atLeastOf(options) };
    const answer = await ask(this.session, `the state of projection "${name}"`, options, (node, limits) =>
      node.unary(projectionsService.State, request, limits),
    );
    return stateOf(answer);
  }

  /** The result of a projection without partitions, or of one partition. Ends in NOT_FOUND where there is none. */
  async result<Result = unknown>(name: string, options: StateOptions & { readonly partition?: string } = {}) {
    const { result, at } = await this.state<unknown, Result>(name, options.partition ?? '', options);
    if (result !== undefined) return result;
    const text = `projection ${JSON.stringify(name)} has no result at position ${at}: it is left out`;
    throw new FactstoreError('NOT_FOUND', text, { projection: name, at: Number(at) });
  }

  /** Partitions in the order of their names, byte by byte, fetched page by page as they are taken. */
  async *partitions<State = unknown, Result = State>(
    name: string,
    options: PartitionsOptions = {},
  ): AsyncGenerator<ProjectionState<State, Result>, void, undefined> {
    const { prefix = '' } = options;
    let { after = '', limit: left = Number.POSITIVE_INFINITY } = options;
    while (left > 0) {
      const limit = Math.min(left, PAGE);
      const request = { name: textArgument('name', name), prefix, after, limit, atLeast: atLeastOf(options) };
      const page = await ask(this.session, `the partitions of "${name}"`, options, (node, limits) =>
        node.unary(projectionsService.Partitions, request, limits),
      );
      for (const row of page.partitions) yield stateOf<State, Result>(row);
      left -= page.partitions.length;
      if (page.next === '') return;
      after = page.next;
    }
  }

  /**
   * Follows states as they change: of several changes of one partition in a row, perhaps only the last. When its node is
   * lost it goes on at another, where what changed meanwhile is not told for each partition that was not asked for by name:
   * `onBegun` says when that was. Where another generation answers from then on (by an update, a reset, a roll back), it
   * tells all of its partitions, and without a state those that it does not have.
   *
   * Ends in NOT_FOUND where the projection does not exist, and, where no partition is asked for by name, in LIMIT_EXCEEDED
   * where more have changed than it could tell: read the states again then, and begin it anew.
   */
  watch<State = unknown, Result = State>(
    name: string,
    options: WatchOptions = {},
  ): AsyncGenerator<ProjectionState<State, Result>, void, undefined> {
    const request = { name: textArgument('name', name), ...whichOf(options) };
    return watchProjection(this.session, request, options, stateOf<State, Result>);
  }

  private async define(
    method: 'Create' | 'Update',
    name: string,
    source: string,
    options: DefineOptions = {},
  ): Promise<ProjectionChanged> {
    const request = {
      name: textArgument('name', name),
      source: textArgument('source', source),
      onError: POLICIES[options.onError ?? 'unspecified'],
      appendId: Buffer.from(uuidOrNew('appendId', undefined)),
    };
    const what = `the ${method === 'Create' ? 'creation' : 'update'} of projection "${name}"`;
    return changedOf(
      await ask(this.session, what, options, (node, limits) => node.unary(projectionsService[method], request, limits)),
    );
  }

  private async change(action: ProjectionAction, name: string, options: CallOptions = {}): Promise<ProjectionChanged> {
    const appendId = Buffer.from(uuidOrNew('appendId', undefined));
    const request = { name: textArgument('name', name), action, appendId };
    return changedOf(
      await ask(this.session, `the change of projection "${name}"`, options, (node, limits) =>
        node.unary(projectionsService.Change, request, limits),
      ),
    );
  }
}

const POLICIES = {
  unspecified: 'ERROR_POLICY_UNSPECIFIED',
  fault: 'ERROR_POLICY_FAULT',
  park: 'ERROR_POLICY_PARK',
} as const;

const STATES = {
  GENERATION_STATE_UNSPECIFIED: 'running',
  GENERATION_STATE_RUNNING: 'running',
  GENERATION_STATE_CATCHING_UP: 'catchingUp',
  GENERATION_STATE_FAULTED: 'faulted',
  GENERATION_STATE_DISABLED: 'disabled',
} as const;

function atLeastOf({ atLeast }: StateOptions): number {
  return atLeast === undefined ? 0 : placeArgument('atLeast', atLeast);
}

function whichOf({ partition, prefix }: WatchOptions) {
  if (partition !== undefined) return { partition };
  return prefix === undefined ? {} : { prefix };
}

function changedOf({ position, generation, repeated }: ChangeProjectionResponse__Output): ProjectionChanged {
  return { position: BigInt(position), generation: BigInt(generation), repeated };
}

function infoOf(info: ProjectionInfo__Output): ProjectionInfo {
  const { name, source, enabled, nodeId, canRollBack, active, building, parked } = info;
  return {
    ...{ name, source, enabled, nodeId, canRollBack },
    onError: info.onError === 'ERROR_POLICY_PARK' ? 'park' : 'fault',
    changedAt: BigInt(info.changedAt),
    head: BigInt(info.head),
    active: active ? progressOf(active) : undefined,
    building: building ? progressOf(building) : undefined,
    parked: parked.map(({ position, message }) => ({ position: BigInt(position), message })),
  };
}

function progressOf(status: GenerationStatus__Output): ProjectionProgress {
  const { percent, eventsPerSecond, outbox, memoryBytes, fault } = status;
  return {
    ...{ percent, eventsPerSecond, outbox, memoryBytes },
    generation: BigInt(status.generation),
    state: STATES[status.state],
    checkpoint: BigInt(status.checkpoint),
    lag: BigInt(status.lag),
    divergence: status.divergence || undefined,
    waitsFor: status.waitsFor || undefined,
    fault: fault === '' ? undefined : { message: fault, position: BigInt(status.faultPosition) },
  };
}

function stateOf<State, Result>(row: PartitionState__Output): ProjectionState<State, Result> {
  const json = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? undefined : JSON.parse(decodeUtf8(bytes) ?? '');
  return {
    partition: row.partition,
    state: json(row.state) as State | undefined,
    result: json(row.result) as Result | undefined,
    at: BigInt(row.at),
    generation: BigInt(row.generation),
  };
}
