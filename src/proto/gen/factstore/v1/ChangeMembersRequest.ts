// Original file: proto/factstore/v1/cluster.proto

import type { Replacement as _factstore_v1_Replacement, Replacement__Output as _factstore_v1_Replacement__Output } from '../../factstore/v1/Replacement.ts';

export interface ChangeMembersRequest {
  'add'?: (string);
  'promote'?: (string);
  'remove'?: (string);
  'replace'?: (_factstore_v1_Replacement | null);
  'change'?: "add"|"promote"|"remove"|"replace";
}

export interface ChangeMembersRequest__Output {
  'add'?: (string);
  'promote'?: (string);
  'remove'?: (string);
  'replace'?: (_factstore_v1_Replacement__Output | null);
  'change'?: "add"|"promote"|"remove"|"replace";
}
