import type { RaiseFeatureLevelRequest__Output } from '../proto/gen/factstore/v1/RaiseFeatureLevelRequest.ts';
import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest__Output } from '../proto/gen/factstore/v1/TransferLeadershipRequest.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';

/** What the cluster service asks of the node. */
export interface ClusterPorts {
  status(): StatusResponse;
  /** Resolves with the node id of the new leader. */
  transferLeadership(nodeId: string, signal: AbortSignal): Promise<string>;
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
    RaiseFeatureLevel: unary<RaiseFeatureLevelRequest__Output, { level: number }>(logger, async ({ level }) => ({
      level: await ports.raiseFeatureLevel(level),
    })),
  };
}
