// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface SpanDigest {
  'question'?: (number);
  'position'?: (number | string | Long);
  'digest'?: (Buffer | Uint8Array | string);
}

export interface SpanDigest__Output {
  'question': (number);
  'position': (number);
  'digest': (Buffer);
}
