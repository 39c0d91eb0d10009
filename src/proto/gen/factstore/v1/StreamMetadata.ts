// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface StreamMetadata {
  'maxAgeMs'?: (number | string | Long);
  'maxCount'?: (number | string | Long);
  'truncateBefore'?: (number | string | Long);
  'acl'?: (Buffer | Uint8Array | string);
  'custom'?: (Buffer | Uint8Array | string);
  '_maxAgeMs'?: "maxAgeMs";
  '_maxCount'?: "maxCount";
  '_truncateBefore'?: "truncateBefore";
}

export interface StreamMetadata__Output {
  'maxAgeMs'?: (number);
  'maxCount'?: (number);
  'truncateBefore'?: (number);
  'acl': (Buffer);
  'custom': (Buffer);
  '_maxAgeMs'?: "maxAgeMs";
  '_maxCount'?: "maxCount";
  '_truncateBefore'?: "truncateBefore";
}
