// Original file: proto/factstore/v1/events.proto

import type { StreamMetadata as _factstore_v1_StreamMetadata, StreamMetadata__Output as _factstore_v1_StreamMetadata__Output } from '../../factstore/v1/StreamMetadata.ts';
import type { RevisionRange as _factstore_v1_RevisionRange, RevisionRange__Output as _factstore_v1_RevisionRange__Output } from '../../factstore/v1/RevisionRange.ts';
import type { Long } from '@grpc/proto-loader';

export interface StreamChange {
  'stream'?: (string);
  'metadata'?: (_factstore_v1_StreamMetadata | null);
  'truncateBefore'?: (number | string | Long);
  'delete'?: (boolean);
  'tombstone'?: (boolean);
  'erase'?: (_factstore_v1_RevisionRange | null);
  'change'?: "metadata"|"truncateBefore"|"delete"|"tombstone"|"erase";
}

export interface StreamChange__Output {
  'stream': (string);
  'metadata'?: (_factstore_v1_StreamMetadata__Output | null);
  'truncateBefore'?: (number);
  'delete'?: (boolean);
  'tombstone'?: (boolean);
  'erase'?: (_factstore_v1_RevisionRange__Output | null);
  'change'?: "metadata"|"truncateBefore"|"delete"|"tombstone"|"erase";
}
