// Original file: proto/factstore/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface StopScavengeResponse {
  'position'?: (number | string | Long);
  'repeated'?: (boolean);
}

export interface StopScavengeResponse__Output {
  'position': (number);
  'repeated': (boolean);
}
