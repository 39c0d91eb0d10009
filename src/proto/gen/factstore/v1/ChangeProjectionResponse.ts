// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface ChangeProjectionResponse {
  'position'?: (number | string | Long);
  'generation'?: (number | string | Long);
  'repeated'?: (boolean);
}

export interface ChangeProjectionResponse__Output {
  'position': (number);
  'generation': (number);
  'repeated': (boolean);
}
