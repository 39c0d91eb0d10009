// Original file: proto/factstore/v1/projections.proto

import type { ProjectionAction as _factstore_v1_ProjectionAction, ProjectionAction__Output as _factstore_v1_ProjectionAction__Output } from '../../factstore/v1/ProjectionAction.ts';

export interface ChangeProjectionRequest {
  'name'?: (string);
  'action'?: (_factstore_v1_ProjectionAction);
  'appendId'?: (Buffer | Uint8Array | string);
}

export interface ChangeProjectionRequest__Output {
  'name': (string);
  'action': (_factstore_v1_ProjectionAction__Output);
  'appendId': (Buffer);
}
