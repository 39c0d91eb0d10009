// Original file: proto/factstore/peer/v1/peer.proto

import type { MembershipMember as _factstore_peer_v1_MembershipMember, MembershipMember__Output as _factstore_peer_v1_MembershipMember__Output } from '../../../factstore/peer/v1/MembershipMember.ts';
import type { Lineage as _factstore_peer_v1_Lineage, Lineage__Output as _factstore_peer_v1_Lineage__Output } from '../../../factstore/peer/v1/Lineage.ts';

export interface Membership {
  'members'?: (_factstore_peer_v1_MembershipMember)[];
  'lineage'?: (_factstore_peer_v1_Lineage | null);
  'begins'?: (boolean);
}

export interface Membership__Output {
  'members': (_factstore_peer_v1_MembershipMember__Output)[];
  'lineage': (_factstore_peer_v1_Lineage__Output | null);
  'begins': (boolean);
}
