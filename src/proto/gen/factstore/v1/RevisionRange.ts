// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface RevisionRange {
  'from'?: (number | string | Long);
  'to'?: (number | string | Long);
}

export interface RevisionRange__Output {
  'from': (number);
  'to': (number);
}
