// Original file: proto/factstore/v1/streams.proto

import type { StreamState as _factstore_v1_StreamState, StreamState__Output as _factstore_v1_StreamState__Output } from '../../factstore/v1/StreamState.ts';
import type { Long } from '@grpc/proto-loader';

export interface ListedStream {
  'stream'?: (string);
  'state'?: (_factstore_v1_StreamState);
  'headRevision'?: (number | string | Long);
  'createdUs'?: (number | string | Long);
  'lastAppendedUs'?: (number | string | Long);
  'firstPosition'?: (number | string | Long);
}

export interface ListedStream__Output {
  'stream': (string);
  'state': (_factstore_v1_StreamState__Output);
  'headRevision': (number);
  'createdUs': (number);
  'lastAppendedUs': (number);
  'firstPosition': (number);
}
