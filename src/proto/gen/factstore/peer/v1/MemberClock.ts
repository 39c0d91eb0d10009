// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface MemberClock {
  'member'?: (string);
  'aheadUs'?: (number | string | Long);
  'behindUs'?: (number | string | Long);
  'ageMs'?: (number | string | Long);
}

export interface MemberClock__Output {
  'member': (string);
  'aheadUs': (number);
  'behindUs': (number);
  'ageMs': (number);
}
