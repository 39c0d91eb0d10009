// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface AppendBegin {
  'totalBytes'?: (number | string | Long);
}

export interface AppendBegin__Output {
  'totalBytes': (number);
}
