// Original file: proto/factstore/v1/events.proto

import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from '../../factstore/v1/RecordedEvent.ts';
import type { DeadLink as _factstore_v1_DeadLink, DeadLink__Output as _factstore_v1_DeadLink__Output } from '../../factstore/v1/DeadLink.ts';

export interface FollowedLink {
  'at'?: (number);
  'event'?: (_factstore_v1_RecordedEvent | null);
  'dead'?: (_factstore_v1_DeadLink);
  'target'?: "event"|"dead";
}

export interface FollowedLink__Output {
  'at': (number);
  'event'?: (_factstore_v1_RecordedEvent__Output | null);
  'dead'?: (_factstore_v1_DeadLink__Output);
  'target'?: "event"|"dead";
}
