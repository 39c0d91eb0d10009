// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface WriteResult {
  'stream'?: (string);
  'revision'?: (number | string | Long);
}

export interface WriteResult__Output {
  'stream': (string);
  'revision': (number);
}
