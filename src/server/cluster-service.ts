import { invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { ChangeMembersRequest__Output } from '../proto/gen/factstore/v1/ChangeMembersRequest.ts';
import type { RaiseFeatureLevelRequest__Output } from '../proto/gen/factstore/v1/RaiseFeatureLevelRequest.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest__Output } from '../proto/gen/factstore/v1/TransferLeadershipRequest.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';

/** One change of the members; names are node ids or node id/directory UUID. */
export type MembersChange =
  | { readonly kind: 'add'; readonly peerAddress: string }
  | { readonly kind: 'promote' | 'remove'; readonly name: string }
  | { readonly kind: 'replace'; readonly name: string; readonly by: string }
  | { readonly kind: 'move'; readonly name: string; readonly peerAddress: string };

/** Node ids. */
export interface MembersNow {
  readonly voters: string[];
  readonly learners: string[];
}

/** What the cluster service asks of the node. */
export interface ClusterPorts {
  status(): StatusResponse;
  /** Resolves with the node id of the new leader. */
  transferLeadership(nodeId: string, signal: Signal): Promise<string>;
  /** Resolves with the members as they are then. */
  changeMembers(change: MembersChange): Promise<MembersNow>;
  /** Resolves with the level; 0: the highest that every member knows. */
  raiseFeatureLevel(level: number): Promise<number>;
}

/** factstore.v1.Cluster */
export function clusterHandlers(ports: ClusterPorts, logger: Logger) {
  return {
    Status: unary<object, StatusResponse>(logger, async () => ports.status()),
    TransferLeadership: unary<TransferLeadershipRequest__Output, { leader: string }>(
      logger,
      async (request, signal) => ({
        leader: await ports.transferLeadership(request.nodeId, signal()),
      }),
    ),
    ChangeMembers: unary<ChangeMembersRequest__Output, MembersNow>(logger, async (request) =>
      ports.changeMembers(membersChange(request)),
    ),
    RaiseFeatureLevel: unary<RaiseFeatureLevelRequest__Output, { level: number }>(logger, async ({ level }) => ({
      level: await ports.raiseFeatureLevel(level),
    })),
  };
}

function membersChange({ add, promote, remove, replace, move }: ChangeMembersRequest__Output): MembersChange {
  if (add) return { kind: 'add', peerAddress: add };
  if (promote) return { kind: 'promote', name: promote };
  if (remove) return { kind: 'remove', name: remove };
  if (replace?.nodeId && replace.by) return { kind: 'replace', name: replace.nodeId, by: replace.by };
  if (move?.nodeId && move.peerAddress) return { kind: 'move', name: move.nodeId, peerAddress: move.peerAddress };
  throw invalid('change', 'names no member: one of add, promote, remove, replace and move is needed');
}
