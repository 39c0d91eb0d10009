// Original file: proto/factstore/v1/events.proto

import type { Query as _factstore_v1_Query, Query__Output as _factstore_v1_Query__Output } from '../../factstore/v1/Query.ts';
import type { Long } from '@grpc/proto-loader';

export interface AppendCondition {
  'failIfEventsMatch'?: (_factstore_v1_Query | null);
  'after'?: (number | string | Long);
}

export interface AppendCondition__Output {
  'failIfEventsMatch': (_factstore_v1_Query__Output | null);
  'after': (number);
}
