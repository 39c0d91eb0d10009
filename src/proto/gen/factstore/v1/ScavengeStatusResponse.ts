// Original file: proto/factstore/v1/admin.proto

import type { ScavengeState as _factstore_v1_ScavengeState, ScavengeState__Output as _factstore_v1_ScavengeState__Output } from '../../factstore/v1/ScavengeState.ts';
import type { Long } from '@grpc/proto-loader';

export interface ScavengeStatusResponse {
  'state'?: (_factstore_v1_ScavengeState);
  'point'?: (number | string | Long);
  'through'?: (number | string | Long);
  'to'?: (number | string | Long);
  'events'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'waitsFor'?: (string);
}

export interface ScavengeStatusResponse__Output {
  'state': (_factstore_v1_ScavengeState__Output);
  'point': (number);
  'through': (number);
  'to': (number);
  'events': (number);
  'bytes': (number);
  'waitsFor': (string);
}
