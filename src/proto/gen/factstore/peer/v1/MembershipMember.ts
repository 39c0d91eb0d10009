// Original file: proto/factstore/peer/v1/peer.proto

import type { FoundingMember as _factstore_peer_v1_FoundingMember, FoundingMember__Output as _factstore_peer_v1_FoundingMember__Output } from '../../../factstore/peer/v1/FoundingMember.ts';

export interface MembershipMember {
  'node'?: (_factstore_peer_v1_FoundingMember | null);
  'incoming'?: (boolean);
  'outgoing'?: (boolean);
  'learner'?: (boolean);
  'learnerNext'?: (boolean);
}

export interface MembershipMember__Output {
  'node': (_factstore_peer_v1_FoundingMember__Output | null);
  'incoming': (boolean);
  'outgoing': (boolean);
  'learner': (boolean);
  'learnerNext': (boolean);
}
