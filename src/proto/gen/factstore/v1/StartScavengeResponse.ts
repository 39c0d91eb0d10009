// Original file: proto/factstore/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface StartScavengeResponse {
  'point'?: (number | string | Long);
  'repeated'?: (boolean);
}

export interface StartScavengeResponse__Output {
  'point': (number);
  'repeated': (boolean);
}
