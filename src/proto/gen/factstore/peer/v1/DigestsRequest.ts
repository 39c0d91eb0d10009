// Original file: proto/factstore/peer/v1/peer.proto

import type { DigestsQuestion as _factstore_peer_v1_DigestsQuestion, DigestsQuestion__Output as _factstore_peer_v1_DigestsQuestion__Output } from '../../../factstore/peer/v1/DigestsQuestion.ts';

export interface DigestsRequest {
  'clusterId'?: (Buffer | Uint8Array | string);
  'questions'?: (_factstore_peer_v1_DigestsQuestion)[];
}

export interface DigestsRequest__Output {
  'clusterId': (Buffer);
  'questions': (_factstore_peer_v1_DigestsQuestion__Output)[];
}
