// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface ListProjectionsRequest {
  'atLeast'?: (number | string | Long);
}

export interface ListProjectionsRequest__Output {
  'atLeast': (number);
}
