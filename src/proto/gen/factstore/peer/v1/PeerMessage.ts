// Original file: proto/factstore/peer/v1/peer.proto

import type { Greeting as _factstore_peer_v1_Greeting, Greeting__Output as _factstore_peer_v1_Greeting__Output } from '../../../factstore/peer/v1/Greeting.ts';
import type { RaftMessage as _factstore_peer_v1_RaftMessage, RaftMessage__Output as _factstore_peer_v1_RaftMessage__Output } from '../../../factstore/peer/v1/RaftMessage.ts';
import type { Part as _factstore_peer_v1_Part, Part__Output as _factstore_peer_v1_Part__Output } from '../../../factstore/peer/v1/Part.ts';

export interface PeerMessage {
  'greeting'?: (_factstore_peer_v1_Greeting | null);
  'raft'?: (_factstore_peer_v1_RaftMessage | null);
  'part'?: (_factstore_peer_v1_Part | null);
  'message'?: "greeting"|"raft"|"part";
}

export interface PeerMessage__Output {
  'greeting'?: (_factstore_peer_v1_Greeting__Output | null);
  'raft'?: (_factstore_peer_v1_RaftMessage__Output | null);
  'part'?: (_factstore_peer_v1_Part__Output | null);
  'message'?: "greeting"|"raft"|"part";
}
