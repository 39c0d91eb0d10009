// Original file: proto/factstore/v1/cluster.proto

import type { Replacement as _factstore_v1_Replacement, Replacement__Output as _factstore_v1_Replacement__Output } from '../../factstore/v1/Replacement.ts';
import type { Move as _factstore_v1_Move, Move__Output as _factstore_v1_Move__Output } from '../../factstore/v1/Move.ts';

export interface ChangeMembersRequest {
  'add'?: (string);
  'promote'?: (string);
  'remove'?: (string);
  'replace'?: (_factstore_v1_Replacement | null);
  'move'?: (_factstore_v1_Move | null);
  'change'?: "add"|"promote"|"remove"|"replace"|"move";
}

export interface ChangeMembersRequest__Output {
  'add'?: (string);
  'promote'?: (string);
  'remove'?: (string);
  'replace'?: (_factstore_v1_Replacement__Output | null);
  'move'?: (_factstore_v1_Move__Output | null);
  'change'?: "add"|"promote"|"remove"|"replace"|"move";
}
