// Original file: proto/factstore/v1/projections.proto

import type { Long } from '@grpc/proto-loader';

export interface PartitionState {
  'partition'?: (string);
  'state'?: (Buffer | Uint8Array | string);
  'result'?: (Buffer | Uint8Array | string);
  'at'?: (number | string | Long);
  'generation'?: (number | string | Long);
  'begun'?: (boolean);
  '_state'?: "state";
  '_result'?: "result";
}

export interface PartitionState__Output {
  'partition': (string);
  'state'?: (Buffer);
  'result'?: (Buffer);
  'at': (number);
  'generation': (number);
  'begun': (boolean);
  '_state'?: "state";
  '_result'?: "result";
}
