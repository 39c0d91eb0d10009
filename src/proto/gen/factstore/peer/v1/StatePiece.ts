// Original file: proto/factstore/peer/v1/peer.proto

import type { StateRow as _factstore_peer_v1_StateRow, StateRow__Output as _factstore_peer_v1_StateRow__Output } from '../../../factstore/peer/v1/StateRow.ts';

export interface StatePiece {
  'rows'?: (_factstore_peer_v1_StateRow)[];
  'digest'?: (Buffer | Uint8Array | string);
  'none'?: (string);
}

export interface StatePiece__Output {
  'rows': (_factstore_peer_v1_StateRow__Output)[];
  'digest': (Buffer);
  'none': (string);
}
