// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface EntriesRequest {
  'clusterId'?: (Buffer | Uint8Array | string);
  'from'?: (number | string | Long);
  'to'?: (number | string | Long);
  'uncommitted'?: (boolean);
}

export interface EntriesRequest__Output {
  'clusterId': (Buffer);
  'from': (number);
  'to': (number);
  'uncommitted': (boolean);
}
