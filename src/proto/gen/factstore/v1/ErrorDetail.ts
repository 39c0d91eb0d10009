// Original file: proto/factstore/v1/events.proto

import type { Retry as _factstore_v1_Retry, Retry__Output as _factstore_v1_Retry__Output } from '../../factstore/v1/Retry.ts';

export interface ErrorDetail {
  'code'?: (string);
  'message'?: (string);
  'definite'?: (boolean);
  'retry'?: (_factstore_v1_Retry);
  'details'?: ({[key: string]: string});
}

export interface ErrorDetail__Output {
  'code': (string);
  'message': (string);
  'definite': (boolean);
  'retry': (_factstore_v1_Retry__Output);
  'details': ({[key: string]: string});
}
