// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface HeadResponse {
  'position'?: (number | string | Long);
}

export interface HeadResponse__Output {
  'position': (number);
}
