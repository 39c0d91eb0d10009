// Original file: proto/factstore/v1/events.proto

import type { AppendResponse as _factstore_v1_AppendResponse, AppendResponse__Output as _factstore_v1_AppendResponse__Output } from '../../factstore/v1/AppendResponse.ts';
import type { ErrorDetail as _factstore_v1_ErrorDetail, ErrorDetail__Output as _factstore_v1_ErrorDetail__Output } from '../../factstore/v1/ErrorDetail.ts';
import type { AppendStreamResponse as _factstore_v1_AppendStreamResponse, AppendStreamResponse__Output as _factstore_v1_AppendStreamResponse__Output } from '../../factstore/v1/AppendStreamResponse.ts';
import type { Long } from '@grpc/proto-loader';

export interface AppendStreamResponse {
  'sequence'?: (number | string | Long);
  'answer'?: (_factstore_v1_AppendResponse | null);
  'error'?: (_factstore_v1_ErrorDetail | null);
  'granted'?: (boolean);
  'batch'?: (_factstore_v1_AppendStreamResponse)[];
  'message'?: "answer"|"error"|"granted";
}

export interface AppendStreamResponse__Output {
  'sequence': (number);
  'answer'?: (_factstore_v1_AppendResponse__Output | null);
  'error'?: (_factstore_v1_ErrorDetail__Output | null);
  'granted'?: (boolean);
  'batch': (_factstore_v1_AppendStreamResponse__Output)[];
  'message'?: "answer"|"error"|"granted";
}
