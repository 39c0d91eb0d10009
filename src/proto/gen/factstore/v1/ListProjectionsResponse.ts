// Original file: proto/factstore/v1/projections.proto

import type { ProjectionInfo as _factstore_v1_ProjectionInfo, ProjectionInfo__Output as _factstore_v1_ProjectionInfo__Output } from '../../factstore/v1/ProjectionInfo.ts';

export interface ListProjectionsResponse {
  'projections'?: (_factstore_v1_ProjectionInfo)[];
  'nodeId'?: (string);
}

export interface ListProjectionsResponse__Output {
  'projections': (_factstore_v1_ProjectionInfo__Output)[];
  'nodeId': (string);
}
