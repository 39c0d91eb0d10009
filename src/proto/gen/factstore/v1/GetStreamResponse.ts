// Original file: proto/factstore/v1/streams.proto

import type { StreamState as _factstore_v1_StreamState, StreamState__Output as _factstore_v1_StreamState__Output } from '../../factstore/v1/StreamState.ts';
import type { StreamMetadata as _factstore_v1_StreamMetadata, StreamMetadata__Output as _factstore_v1_StreamMetadata__Output } from '../../factstore/v1/StreamMetadata.ts';
import type { Long } from '@grpc/proto-loader';

export interface GetStreamResponse {
  'stream'?: (string);
  'state'?: (_factstore_v1_StreamState);
  'headRevision'?: (number | string | Long);
  'firstRevision'?: (number | string | Long);
  'count'?: (number | string | Long);
  'createdUs'?: (number | string | Long);
  'lastAppendedUs'?: (number | string | Long);
  'lastPosition'?: (number | string | Long);
  'head'?: (number | string | Long);
  'metadata'?: (_factstore_v1_StreamMetadata | null);
  'metadataRevision'?: (number | string | Long);
  '_metadataRevision'?: "metadataRevision";
}

export interface GetStreamResponse__Output {
  'stream': (string);
  'state': (_factstore_v1_StreamState__Output);
  'headRevision': (number);
  'firstRevision': (number);
  'count': (number);
  'createdUs': (number);
  'lastAppendedUs': (number);
  'lastPosition': (number);
  'head': (number);
  'metadata': (_factstore_v1_StreamMetadata__Output | null);
  'metadataRevision'?: (number);
  '_metadataRevision'?: "metadataRevision";
}
