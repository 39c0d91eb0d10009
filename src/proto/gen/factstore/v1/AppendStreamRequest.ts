// Original file: proto/factstore/v1/events.proto

import type { AppendRequest as _factstore_v1_AppendRequest, AppendRequest__Output as _factstore_v1_AppendRequest__Output } from '../../factstore/v1/AppendRequest.ts';
import type { AppendBegin as _factstore_v1_AppendBegin, AppendBegin__Output as _factstore_v1_AppendBegin__Output } from '../../factstore/v1/AppendBegin.ts';
import type { AppendStreamRequest as _factstore_v1_AppendStreamRequest, AppendStreamRequest__Output as _factstore_v1_AppendStreamRequest__Output } from '../../factstore/v1/AppendStreamRequest.ts';
import type { Long } from '@grpc/proto-loader';

export interface AppendStreamRequest {
  'sequence'?: (number | string | Long);
  'append'?: (_factstore_v1_AppendRequest | null);
  'begin'?: (_factstore_v1_AppendBegin | null);
  'chunk'?: (Buffer | Uint8Array | string);
  'batch'?: (_factstore_v1_AppendStreamRequest)[];
  'message'?: "append"|"begin"|"chunk";
}

export interface AppendStreamRequest__Output {
  'sequence': (number);
  'append'?: (_factstore_v1_AppendRequest__Output | null);
  'begin'?: (_factstore_v1_AppendBegin__Output | null);
  'chunk'?: (Buffer);
  'batch': (_factstore_v1_AppendStreamRequest__Output)[];
  'message'?: "append"|"begin"|"chunk";
}
