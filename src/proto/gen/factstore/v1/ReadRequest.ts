// Original file: proto/factstore/v1/events.proto

import type { Consistency as _factstore_v1_Consistency, Consistency__Output as _factstore_v1_Consistency__Output } from '../../factstore/v1/Consistency.ts';
import type { Query as _factstore_v1_Query, Query__Output as _factstore_v1_Query__Output } from '../../factstore/v1/Query.ts';
import type { Long } from '@grpc/proto-loader';

export interface ReadRequest {
  'stream'?: (string);
  'all'?: (boolean);
  'backwards'?: (boolean);
  'fromRevision'?: (number | string | Long);
  'fromPosition'?: (number | string | Long);
  'fromTimeUs'?: (number | string | Long);
  'limit'?: (number | string | Long);
  'consistency'?: (_factstore_v1_Consistency | null);
  'userEvents'?: (boolean);
  'appendIds'?: (boolean);
  'query'?: (_factstore_v1_Query | null);
  'resolveLinks'?: (boolean);
  'target'?: "stream"|"all"|"query";
  'start'?: "fromRevision"|"fromPosition"|"fromTimeUs";
}

export interface ReadRequest__Output {
  'stream'?: (string);
  'all'?: (boolean);
  'backwards': (boolean);
  'fromRevision'?: (number);
  'fromPosition'?: (number);
  'fromTimeUs'?: (number);
  'limit': (number);
  'consistency': (_factstore_v1_Consistency__Output | null);
  'userEvents': (boolean);
  'appendIds': (boolean);
  'query'?: (_factstore_v1_Query__Output | null);
  'resolveLinks': (boolean);
  'target'?: "stream"|"all"|"query";
  'start'?: "fromRevision"|"fromPosition"|"fromTimeUs";
}
