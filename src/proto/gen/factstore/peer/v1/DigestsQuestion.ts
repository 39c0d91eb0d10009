// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface DigestsQuestion {
  'projection'?: (string);
  'generation'?: (number | string | Long);
  'after'?: (number | string | Long);
}

export interface DigestsQuestion__Output {
  'projection': (string);
  'generation': (number);
  'after': (number);
}
