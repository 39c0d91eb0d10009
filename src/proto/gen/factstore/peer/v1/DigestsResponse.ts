// Original file: proto/factstore/peer/v1/peer.proto

import type { SpanDigest as _factstore_peer_v1_SpanDigest, SpanDigest__Output as _factstore_peer_v1_SpanDigest__Output } from '../../../factstore/peer/v1/SpanDigest.ts';

export interface DigestsResponse {
  'digests'?: (_factstore_peer_v1_SpanDigest)[];
}

export interface DigestsResponse__Output {
  'digests': (_factstore_peer_v1_SpanDigest__Output)[];
}
