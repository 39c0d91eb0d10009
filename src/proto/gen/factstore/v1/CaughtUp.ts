// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface CaughtUp {
  'position'?: (number | string | Long);
}

export interface CaughtUp__Output {
  'position': (number);
}
