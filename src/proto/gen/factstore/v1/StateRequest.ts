// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface StateRequest {
  'name'?: (string);
  'partition'?: (string);
  'atLeast'?: (number | string | Long);
}

export interface StateRequest__Output {
  'name': (string);
  'partition': (string);
  'atLeast': (number);
}
