// Original file: proto/factstore/peer/v1/peer.proto

import type { FoundingMember as _factstore_peer_v1_FoundingMember, FoundingMember__Output as _factstore_peer_v1_FoundingMember__Output } from '../../../factstore/peer/v1/FoundingMember.ts';

export interface JoinRequest {
  'node'?: (_factstore_peer_v1_FoundingMember | null);
  'clusterId'?: (Buffer | Uint8Array | string);
  'knownFeatureLevel'?: (number);
}

export interface JoinRequest__Output {
  'node': (_factstore_peer_v1_FoundingMember__Output | null);
  'clusterId': (Buffer);
  'knownFeatureLevel': (number);
}
