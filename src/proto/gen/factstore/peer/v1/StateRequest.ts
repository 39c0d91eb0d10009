// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface StateRequest {
  'clusterId'?: (Buffer | Uint8Array | string);
  'projection'?: (string);
  'generation'?: (number | string | Long);
  'atLeast'?: (number | string | Long);
}

export interface StateRequest__Output {
  'clusterId': (Buffer);
  'projection': (string);
  'generation': (number);
  'atLeast': (number);
}
