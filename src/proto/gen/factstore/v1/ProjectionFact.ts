// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface ProjectionFact {
  'name'?: (string);
  'facts'?: (number | string | Long);
  'type'?: (string);
  'data'?: (string);
}

export interface ProjectionFact__Output {
  'name': (string);
  'facts': (number);
  'type': (string);
  'data': (string);
}
