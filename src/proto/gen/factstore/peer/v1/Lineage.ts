// Original file: proto/factstore/peer/v1/peer.proto

import type { Ancestor as _factstore_peer_v1_Ancestor, Ancestor__Output as _factstore_peer_v1_Ancestor__Output } from '../../../factstore/peer/v1/Ancestor.ts';

export interface Lineage {
  'clusterId'?: (Buffer | Uint8Array | string);
  'ancestors'?: (_factstore_peer_v1_Ancestor)[];
}

export interface Lineage__Output {
  'clusterId': (Buffer);
  'ancestors': (_factstore_peer_v1_Ancestor__Output)[];
}
