import type { StatusResponse } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest__Output } from '../proto/gen/factstore/v1/TransferLeadershipRequest.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';

/** What the cluster service asks of the node. */
export interface ClusterPorts {
  status(): StatusResponse;
  /** Resolves with the node id of the new leader. */
  transferLeadership(nodeId: string, signal: AbortSignal): Promise<string>;
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
  };
}
