// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface Consistency {
  'linearizable'?: (boolean);
  'atLeast'?: (number | string | Long);
  'local'?: (boolean);
  'level'?: "linearizable"|"atLeast"|"local";
}

export interface Consistency__Output {
  'linearizable'?: (boolean);
  'atLeast'?: (number);
  'local'?: (boolean);
  'level'?: "linearizable"|"atLeast"|"local";
}
