// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface PartitionsRequest {
  'name'?: (string);
  'prefix'?: (string);
  'after'?: (string);
  'limit'?: (number);
  'atLeast'?: (number | string | Long);
}

export interface PartitionsRequest__Output {
  'name': (string);
  'prefix': (string);
  'after': (string);
  'limit': (number);
  'atLeast': (number);
}
