// Original file: proto/factstore/v1/events.proto

import type { Appended as _factstore_v1_Appended, Appended__Output as _factstore_v1_Appended__Output } from '../../factstore/v1/Appended.ts';
import type { Conflict as _factstore_v1_Conflict, Conflict__Output as _factstore_v1_Conflict__Output } from '../../factstore/v1/Conflict.ts';

export interface AppendResponse {
  'appended'?: (_factstore_v1_Appended | null);
  'conflict'?: (_factstore_v1_Conflict | null);
  'outcome'?: "appended"|"conflict";
}

export interface AppendResponse__Output {
  'appended'?: (_factstore_v1_Appended__Output | null);
  'conflict'?: (_factstore_v1_Conflict__Output | null);
  'outcome'?: "appended"|"conflict";
}
