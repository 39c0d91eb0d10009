// Original file: proto/factstore/peer/v1/peer.proto

import type { MembershipMember as _factstore_peer_v1_MembershipMember, MembershipMember__Output as _factstore_peer_v1_MembershipMember__Output } from '../../../factstore/peer/v1/MembershipMember.ts';

export interface Membership {
  'members'?: (_factstore_peer_v1_MembershipMember)[];
}

export interface Membership__Output {
  'members': (_factstore_peer_v1_MembershipMember__Output)[];
}
