// Original file: proto/factstore/peer/v1/peer.proto

import type { ErrorDetail as _factstore_v1_ErrorDetail, ErrorDetail__Output as _factstore_v1_ErrorDetail__Output } from '../../../factstore/v1/ErrorDetail.ts';
import type { Long } from '@grpc/proto-loader';

export interface ForwardResponse {
  'sequence'?: (number | string | Long);
  'answer'?: (Buffer | Uint8Array | string);
  'error'?: (_factstore_v1_ErrorDetail | null);
  'message'?: "answer"|"error";
}

export interface ForwardResponse__Output {
  'sequence': (number);
  'answer'?: (Buffer);
  'error'?: (_factstore_v1_ErrorDetail__Output | null);
  'message'?: "answer"|"error";
}
