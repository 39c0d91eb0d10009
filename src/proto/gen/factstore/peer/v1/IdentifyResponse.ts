// Original file: proto/factstore/peer/v1/peer.proto

import type { FoundingMember as _factstore_peer_v1_FoundingMember, FoundingMember__Output as _factstore_peer_v1_FoundingMember__Output } from '../../../factstore/peer/v1/FoundingMember.ts';

export interface IdentifyResponse {
  'nodeId'?: (string);
  'directoryId'?: (Buffer | Uint8Array | string);
  'clusterId'?: (Buffer | Uint8Array | string);
  'address'?: (string);
  'peerAddress'?: (string);
  'members'?: (_factstore_peer_v1_FoundingMember)[];
  'knownFeatureLevel'?: (number);
}

export interface IdentifyResponse__Output {
  'nodeId': (string);
  'directoryId': (Buffer);
  'clusterId': (Buffer);
  'address': (string);
  'peerAddress': (string);
  'members': (_factstore_peer_v1_FoundingMember__Output)[];
  'knownFeatureLevel': (number);
}
