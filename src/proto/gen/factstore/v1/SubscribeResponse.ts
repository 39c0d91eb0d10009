// Original file: proto/factstore/v1/events.proto

import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from '../../factstore/v1/RecordedEvent.ts';
import type { CaughtUp as _factstore_v1_CaughtUp, CaughtUp__Output as _factstore_v1_CaughtUp__Output } from '../../factstore/v1/CaughtUp.ts';
import type { FollowedLink as _factstore_v1_FollowedLink, FollowedLink__Output as _factstore_v1_FollowedLink__Output } from '../../factstore/v1/FollowedLink.ts';
import type { Long } from '@grpc/proto-loader';

export interface SubscribeResponse {
  'events'?: (_factstore_v1_RecordedEvent)[];
  'caughtUp'?: (_factstore_v1_CaughtUp | null);
  'checkpoint'?: (number | string | Long);
  'links'?: (_factstore_v1_FollowedLink)[];
  'clusterId'?: (string);
}

export interface SubscribeResponse__Output {
  'events': (_factstore_v1_RecordedEvent__Output)[];
  'caughtUp': (_factstore_v1_CaughtUp__Output | null);
  'checkpoint': (number);
  'links': (_factstore_v1_FollowedLink__Output)[];
  'clusterId': (string);
}
