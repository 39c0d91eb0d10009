// Original file: proto/factstore/v1/events.proto

import type { StreamState as _factstore_v1_StreamState, StreamState__Output as _factstore_v1_StreamState__Output } from '../../factstore/v1/StreamState.ts';
import type { Long } from '@grpc/proto-loader';

export interface ReadStart {
  'head'?: (number | string | Long);
  'state'?: (_factstore_v1_StreamState);
  'headRevision'?: (number | string | Long);
  'clusterId'?: (string);
}

export interface ReadStart__Output {
  'head': (number);
  'state': (_factstore_v1_StreamState__Output);
  'headRevision': (number);
  'clusterId': (string);
}
