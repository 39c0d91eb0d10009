// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Ancestor {
  'clusterId'?: (Buffer | Uint8Array | string);
  'position'?: (number | string | Long);
}

export interface Ancestor__Output {
  'clusterId': (Buffer);
  'position': (number);
}
