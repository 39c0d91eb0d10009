// Original file: proto/factstore/v1/events.proto

import type { Consistency as _factstore_v1_Consistency, Consistency__Output as _factstore_v1_Consistency__Output } from '../../factstore/v1/Consistency.ts';

export interface HeadRequest {
  'consistency'?: (_factstore_v1_Consistency | null);
}

export interface HeadRequest__Output {
  'consistency': (_factstore_v1_Consistency__Output | null);
}
