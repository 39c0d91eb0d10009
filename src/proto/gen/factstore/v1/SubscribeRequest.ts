// Original file: proto/factstore/v1/events.proto

import type { Query as _factstore_v1_Query, Query__Output as _factstore_v1_Query__Output } from '../../factstore/v1/Query.ts';
import type { Long } from '@grpc/proto-loader';

export interface SubscribeRequest {
  'stream'?: (string);
  'all'?: (boolean);
  'afterPosition'?: (number | string | Long);
  'fromNow'?: (boolean);
  'userEvents'?: (boolean);
  'query'?: (_factstore_v1_Query | null);
  'resolveLinks'?: (boolean);
  'afterClusterId'?: (string);
  'target'?: "stream"|"all"|"query";
  'start'?: "afterPosition"|"fromNow";
}

export interface SubscribeRequest__Output {
  'stream'?: (string);
  'all'?: (boolean);
  'afterPosition'?: (number);
  'fromNow'?: (boolean);
  'userEvents': (boolean);
  'query'?: (_factstore_v1_Query__Output | null);
  'resolveLinks': (boolean);
  'afterClusterId': (string);
  'target'?: "stream"|"all"|"query";
  'start'?: "afterPosition"|"fromNow";
}
