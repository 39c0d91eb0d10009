import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { ErrorPolicy, Projection, ProjectionChange } from '../model/projection.ts';
import type { ProjectionChanges } from '../projection/changes.ts';
import type { GenerationStatus, ProjectionQueries, ProjectionStatus, StateAnswer } from '../projection/queries.ts';
import type { ProjectionRegistry } from '../projection/registry.ts';
import type { ChangeProjectionRequest__Output } from '../proto/gen/factstore/v1/ChangeProjectionRequest.ts';
import type { ChangeProjectionResponse } from '../proto/gen/factstore/v1/ChangeProjectionResponse.ts';
import type { DefineProjectionRequest__Output } from '../proto/gen/factstore/v1/DefineProjectionRequest.ts';
import type { GenerationStatus as WireGeneration } from '../proto/gen/factstore/v1/GenerationStatus.ts';
import type { GetProjectionRequest__Output } from '../proto/gen/factstore/v1/GetProjectionRequest.ts';
import type { ListProjectionsRequest__Output } from '../proto/gen/factstore/v1/ListProjectionsRequest.ts';
import type { ListProjectionsResponse } from '../proto/gen/factstore/v1/ListProjectionsResponse.ts';
import type { PartitionState as WireState } from '../proto/gen/factstore/v1/PartitionState.ts';
import type { PartitionsRequest__Output } from '../proto/gen/factstore/v1/PartitionsRequest.ts';
import type { PartitionsResponse } from '../proto/gen/factstore/v1/PartitionsResponse.ts';
import type { ProjectionInfo } from '../proto/gen/factstore/v1/ProjectionInfo.ts';
import type { StateRequest__Output } from '../proto/gen/factstore/v1/StateRequest.ts';
import type { WatchProjectionRequest__Output } from '../proto/gen/factstore/v1/WatchProjectionRequest.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Logger } from '../runtime/logger.ts';
import { patienceMs, streaming, unary } from './calls.ts';
import type { UntakenBudget } from './untaken.ts';

/** The projections of a node. */
export interface NodeProjections {
  readonly nodeId: string;
  readonly registry: ProjectionRegistry;
  readonly changes: ProjectionChanges;
  /** Undefined: this node does not run any. */
  readonly queries: ProjectionQueries | undefined;
  /** Resolves once this node has applied a position. */
  reached(position: number, signal: Signal): Promise<void>;
  /** Resolves once this node has applied what its cluster had committed when it was asked. */
  linearized(signal: Signal): Promise<void>;
}

/** How long a query waits for a state that is fresh enough, at most. */
const WAIT_MS = 10_000;

const ACTIONS = {
  PROJECTION_ACTION_ENABLE: 'enable',
  PROJECTION_ACTION_DISABLE: 'disable',
  PROJECTION_ACTION_RESET: 'reset',
  PROJECTION_ACTION_ROLL_BACK: 'rollBack',
  PROJECTION_ACTION_DELETE: 'delete',
} as const;

const STATES = {
  running: 'GENERATION_STATE_RUNNING',
  catchingUp: 'GENERATION_STATE_CATCHING_UP',
  faulted: 'GENERATION_STATE_FAULTED',
  disabled: 'GENERATION_STATE_DISABLED',
} as const;

/** factstore.v1.Projections */
export function projectionsHandlers(
  projections: () => NodeProjections,
  logger: Logger,
  clock: Clock,
  untaken: UntakenBudget,
) {
  const freshness = (atLeast: number, call: { getDeadline(): Date | number }) => ({
    atLeast,
    waitMs: Math.min(WAIT_MS, patienceMs(call, clock.nowUs()) ?? WAIT_MS),
  });
  // What a node does not know yet of a projection, it must not deny.
  const upTo = async (atLeast: number, signal: Signal, call: { getDeadline(): Date | number }) => {
    const node = projections();
    if (atLeast === 0) return node;
    const bounded = withDeadline(clock, freshness(atLeast, call).waitMs, signal);
    try {
      await node.reached(atLeast, bounded.signal);
    } finally {
      bounded.release();
    }
    return node;
  };
  const define = (kind: 'create' | 'update') =>
    unary<DefineProjectionRequest__Output, ChangeProjectionResponse>(logger, async (request, signal) => {
      const wanted = { kind, source: request.source, onError: policyOf(request.onError) };
      return projections().changes.make(request.name, wanted, request.appendId, signal());
    });
  return {
    Create: define('create'),
    Update: define('update'),
    Change: unary<ChangeProjectionRequest__Output, ChangeProjectionResponse>(logger, async (request, signal) =>
      projections().changes.make(request.name, changeOf(request), request.appendId, signal()),
    ),
    List: unary<ListProjectionsRequest__Output, ListProjectionsResponse>(logger, async (request, signal, call) => {
      const { nodeId, registry, queries } = await upTo(request.atLeast, signal(), call);
      const known = queries ? (await queries.list()).map((status) => infoOf(nodeId, status.projection, status)) : [];
      return { nodeId, projections: queries ? known : registry.list().map((projection) => infoOf(nodeId, projection)) };
    }),
    Get: unary<GetProjectionRequest__Output, ProjectionInfo>(logger, async (request, signal, call) => {
      const { nodeId, registry, queries } = await upTo(request.atLeast, signal(), call);
      return infoOf(nodeId, registry.get(request.name), await queries?.status(request.name));
    }),
    State: unary<StateRequest__Output, WireState>(logger, async ({ name, partition, atLeast }, open, call) => {
      const signal = open();
      const queries = running(await upTo(atLeast, signal, call));
      return stateOf(await queries.state(name, partition, freshness(atLeast, call), signal));
    }),
    Partitions: unary<PartitionsRequest__Output, PartitionsResponse>(logger, async (request, open, call) => {
      const signal = open();
      const queries = running(await upTo(request.atLeast, signal, call));
      const page = await queries.partitions(request.name, request, freshness(request.atLeast, call), signal);
      const { at, generation, next } = page;
      return { at, generation, next, partitions: page.partitions.map((row) => stateOf({ ...row, at, generation })) };
    }),
    Watch: streaming<WatchProjectionRequest__Output, WireState>(
      logger,
      untaken,
      async function* (request, signal) {
        const partition = request.which === 'partition' ? request.partition : undefined;
        const wanted = { partition, prefix: request.prefix ?? '', tellBegun: request.tellBegun };
        const node = projections();
        const queries = running(node);
        // Whoever watches may have lost a node that has come further.
        if (!node.registry.find(request.name)) await node.linearized(signal);
        for await (const state of queries.watch(request.name, wanted, signal)) yield stateOf(state);
      },
      sizeOfState,
    ),
  };
}

function running({ nodeId, queries }: NodeProjections): ProjectionQueries {
  if (queries) return queries;
  const text = `${nodeId} does not run projections (its option projections is false); ask another node`;
  throw new FactstoreError('NOT_READY', text);
}

function policyOf(policy: DefineProjectionRequest__Output['onError']): ErrorPolicy | undefined {
  if (policy === 'ERROR_POLICY_PARK') return 'park';
  return policy === 'ERROR_POLICY_FAULT' ? 'fault' : undefined;
}

function changeOf({ action }: ChangeProjectionRequest__Output): ProjectionChange {
  if (!Object.hasOwn(ACTIONS, action)) throw invalid('action', `${JSON.stringify(action)} is nothing that can be done`);
  return { kind: ACTIONS[action as keyof typeof ACTIONS] };
}

function sizeOfState({ partition = '', state, result }: WireState): number {
  return 32 + partition.length + (state?.length ?? 0) + (result?.length ?? 0);
}

function stateOf({ partition, state, result, at, generation, begun }: StateAnswer): WireState {
  return { partition, at, generation, ...(state && { state }), ...(result && { result }), ...(begun && { begun }) };
}

function infoOf(nodeId: string, projection: Projection, status?: ProjectionStatus): ProjectionInfo {
  const { name, active, enabled, position, previous } = projection;
  return {
    name,
    source: active.source,
    onError: active.onError === 'park' ? 'ERROR_POLICY_PARK' : 'ERROR_POLICY_FAULT',
    enabled,
    changedAt: position,
    nodeId,
    head: status?.head ?? 0,
    active: status ? generationOf(status.active) : null,
    building: status?.building ? generationOf(status.building) : null,
    parked: status ? [...status.parked] : [],
    canRollBack: previous !== undefined,
  };
}

function generationOf({ state, ...rest }: GenerationStatus): WireGeneration {
  return { ...rest, state: STATES[state] };
}
