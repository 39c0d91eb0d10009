// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface GetProducerResponse {
  'current'?: (number | string | Long);
  'appendId'?: (Buffer | Uint8Array | string);
}

export interface GetProducerResponse__Output {
  'current': (number);
  'appendId': (Buffer);
}
