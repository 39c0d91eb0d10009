// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface ProducerCursor {
  'producer'?: (string);
  'previous'?: (number | string | Long);
  'current'?: (number | string | Long);
}

export interface ProducerCursor__Output {
  'producer': (string);
  'previous': (number);
  'current': (number);
}
