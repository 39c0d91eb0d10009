// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Part {
  'totalBytes'?: (number | string | Long);
  'bytes'?: (Buffer | Uint8Array | string);
}

export interface Part__Output {
  'totalBytes': (number);
  'bytes': (Buffer);
}
