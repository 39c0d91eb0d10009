// Original file: proto/factstore/v1/events.proto

import type { FailedCheck as _factstore_v1_FailedCheck, FailedCheck__Output as _factstore_v1_FailedCheck__Output } from '../../factstore/v1/FailedCheck.ts';
import type { FailedCondition as _factstore_v1_FailedCondition, FailedCondition__Output as _factstore_v1_FailedCondition__Output } from '../../factstore/v1/FailedCondition.ts';
import type { Long } from '@grpc/proto-loader';

export interface Conflict {
  'checks'?: (_factstore_v1_FailedCheck)[];
  'position'?: (number | string | Long);
  'conditions'?: (_factstore_v1_FailedCondition)[];
}

export interface Conflict__Output {
  'checks': (_factstore_v1_FailedCheck__Output)[];
  'position': (number);
  'conditions': (_factstore_v1_FailedCondition__Output)[];
}
