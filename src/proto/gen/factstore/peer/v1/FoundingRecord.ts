// Original file: proto/factstore/peer/v1/peer.proto

import type { FoundingMember as _factstore_peer_v1_FoundingMember, FoundingMember__Output as _factstore_peer_v1_FoundingMember__Output } from '../../../factstore/peer/v1/FoundingMember.ts';
import type { Long } from '@grpc/proto-loader';

export interface FoundingRecord {
  'clusterId'?: (Buffer | Uint8Array | string);
  'members'?: (_factstore_peer_v1_FoundingMember)[];
  'createdUs'?: (number | string | Long);
  'featureLevel'?: (number);
}

export interface FoundingRecord__Output {
  'clusterId': (Buffer);
  'members': (_factstore_peer_v1_FoundingMember__Output)[];
  'createdUs': (number);
  'featureLevel': (number);
}
