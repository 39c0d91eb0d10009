// Original file: proto/factstore/peer/v1/peer.proto

import type { RaftMessageType as _factstore_peer_v1_RaftMessageType, RaftMessageType__Output as _factstore_peer_v1_RaftMessageType__Output } from '../../../factstore/peer/v1/RaftMessageType.ts';
import type { Acknowledged as _factstore_peer_v1_Acknowledged, Acknowledged__Output as _factstore_peer_v1_Acknowledged__Output } from '../../../factstore/peer/v1/Acknowledged.ts';
import type { MemberClock as _factstore_peer_v1_MemberClock, MemberClock__Output as _factstore_peer_v1_MemberClock__Output } from '../../../factstore/peer/v1/MemberClock.ts';
import type { Long } from '@grpc/proto-loader';

export interface RaftMessage {
  'type'?: (_factstore_peer_v1_RaftMessageType);
  'term'?: (number | string | Long);
  'index'?: (number | string | Long);
  'logTerm'?: (number | string | Long);
  'commit'?: (number | string | Long);
  'reject'?: (boolean);
  'rejectHint'?: (number | string | Long);
  'context'?: (number | string | Long);
  'applied'?: (number | string | Long);
  'transfer'?: (boolean);
  'clockUs'?: (number | string | Long);
  'entries'?: (Buffer | Uint8Array | string)[];
  'acknowledged'?: (_factstore_peer_v1_Acknowledged)[];
  'loadMax'?: (number | string | Long);
  'clocks'?: (_factstore_peer_v1_MemberClock)[];
}

export interface RaftMessage__Output {
  'type': (_factstore_peer_v1_RaftMessageType__Output);
  'term': (number);
  'index': (number);
  'logTerm': (number);
  'commit': (number);
  'reject': (boolean);
  'rejectHint': (number);
  'context': (number);
  'applied': (number);
  'transfer': (boolean);
  'clockUs': (number);
  'entries': (Buffer)[];
  'acknowledged': (_factstore_peer_v1_Acknowledged__Output)[];
  'loadMax': (number);
  'clocks': (_factstore_peer_v1_MemberClock__Output)[];
}
