// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Acknowledged {
  'member'?: (string);
  'index'?: (number | string | Long);
}

export interface Acknowledged__Output {
  'member': (string);
  'index': (number);
}
