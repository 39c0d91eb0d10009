// Original file: proto/factstore/peer/v1/peer.proto

import type { Greeting as _factstore_peer_v1_Greeting, Greeting__Output as _factstore_peer_v1_Greeting__Output } from '../../../factstore/peer/v1/Greeting.ts';
import type { Long } from '@grpc/proto-loader';

export interface ForwardRequest {
  'sequence'?: (number | string | Long);
  'greeting'?: (_factstore_peer_v1_Greeting | null);
  'append'?: (Buffer | Uint8Array | string);
  'deadlineMs'?: (number | string | Long);
  'lane'?: (number | string | Long);
  'waitedMs'?: (number | string | Long);
}

export interface ForwardRequest__Output {
  'sequence': (number);
  'greeting': (_factstore_peer_v1_Greeting__Output | null);
  'append': (Buffer);
  'deadlineMs': (number);
  'lane': (number);
  'waitedMs': (number);
}
