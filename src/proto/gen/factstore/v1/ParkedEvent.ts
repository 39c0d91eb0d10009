// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface ParkedEvent {
  'position'?: (number | string | Long);
  'message'?: (string);
}

export interface ParkedEvent__Output {
  'position': (number);
  'message': (string);
}
