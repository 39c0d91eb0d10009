// Original file: proto/factstore/v1/streams.proto

import type { StreamOrder as _factstore_v1_StreamOrder, StreamOrder__Output as _factstore_v1_StreamOrder__Output } from '../../factstore/v1/StreamOrder.ts';
import type { Consistency as _factstore_v1_Consistency, Consistency__Output as _factstore_v1_Consistency__Output } from '../../factstore/v1/Consistency.ts';

export interface ListStreamsRequest {
  'prefix'?: (string);
  'category'?: (string);
  'order'?: (_factstore_v1_StreamOrder);
  'after'?: (string);
  'limit'?: (number);
  'deleted'?: (boolean);
  'consistency'?: (_factstore_v1_Consistency | null);
  'which'?: "prefix"|"category";
}

export interface ListStreamsRequest__Output {
  'prefix'?: (string);
  'category'?: (string);
  'order': (_factstore_v1_StreamOrder__Output);
  'after': (string);
  'limit': (number);
  'deleted': (boolean);
  'consistency': (_factstore_v1_Consistency__Output | null);
  'which'?: "prefix"|"category";
}
