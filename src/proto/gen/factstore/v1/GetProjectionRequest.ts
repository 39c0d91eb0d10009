// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface GetProjectionRequest {
  'name'?: (string);
  'atLeast'?: (number | string | Long);
}

export interface GetProjectionRequest__Output {
  'name': (string);
  'atLeast': (number);
}
