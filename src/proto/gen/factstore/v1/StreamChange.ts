// Original file: proto/factstore/v1/events.proto

import type { StreamMetadata as _factstore_v1_StreamMetadata, StreamMetadata__Output as _factstore_v1_StreamMetadata__Output } from '../../factstore/v1/StreamMetadata.ts';
import type { Long } from '@grpc/proto-loader';

export interface StreamChange {
  'stream'?: (string);
  'metadata'?: (_factstore_v1_StreamMetadata | null);
  'truncateBefore'?: (number | string | Long);
  'delete'?: (boolean);
  'tombstone'?: (boolean);
  'change'?: "metadata"|"truncateBefore"|"delete"|"tombstone";
}

export interface StreamChange__Output {
  'stream': (string);
  'metadata'?: (_factstore_v1_StreamMetadata__Output | null);
  'truncateBefore'?: (number);
  'delete'?: (boolean);
  'tombstone'?: (boolean);
  'change'?: "metadata"|"truncateBefore"|"delete"|"tombstone";
}
