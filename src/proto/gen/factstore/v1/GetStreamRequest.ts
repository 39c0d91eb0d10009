// Original file: proto/factstore/v1/streams.proto

import type { Consistency as _factstore_v1_Consistency, Consistency__Output as _factstore_v1_Consistency__Output } from '../../factstore/v1/Consistency.ts';

export interface GetStreamRequest {
  'stream'?: (string);
  'consistency'?: (_factstore_v1_Consistency | null);
}

export interface GetStreamRequest__Output {
  'stream': (string);
  'consistency': (_factstore_v1_Consistency__Output | null);
}
