// Original file: proto/factstore/v1/projections.proto

import type { ErrorPolicy as _factstore_v1_ErrorPolicy, ErrorPolicy__Output as _factstore_v1_ErrorPolicy__Output } from '../../factstore/v1/ErrorPolicy.ts';

export interface DefineProjectionRequest {
  'name'?: (string);
  'source'?: (string);
  'onError'?: (_factstore_v1_ErrorPolicy);
  'appendId'?: (Buffer | Uint8Array | string);
}

export interface DefineProjectionRequest__Output {
  'name': (string);
  'source': (string);
  'onError': (_factstore_v1_ErrorPolicy__Output);
  'appendId': (Buffer);
}
