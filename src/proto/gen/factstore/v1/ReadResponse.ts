// Original file: proto/factstore/v1/events.proto

import type { ReadStart as _factstore_v1_ReadStart, ReadStart__Output as _factstore_v1_ReadStart__Output } from '../../factstore/v1/ReadStart.ts';
import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from '../../factstore/v1/RecordedEvent.ts';
import type { AppendRun as _factstore_v1_AppendRun, AppendRun__Output as _factstore_v1_AppendRun__Output } from '../../factstore/v1/AppendRun.ts';
import type { FollowedLink as _factstore_v1_FollowedLink, FollowedLink__Output as _factstore_v1_FollowedLink__Output } from '../../factstore/v1/FollowedLink.ts';

export interface ReadResponse {
  'start'?: (_factstore_v1_ReadStart | null);
  'events'?: (_factstore_v1_RecordedEvent)[];
  'appends'?: (_factstore_v1_AppendRun)[];
  'links'?: (_factstore_v1_FollowedLink)[];
}

export interface ReadResponse__Output {
  'start': (_factstore_v1_ReadStart__Output | null);
  'events': (_factstore_v1_RecordedEvent__Output)[];
  'appends': (_factstore_v1_AppendRun__Output)[];
  'links': (_factstore_v1_FollowedLink__Output)[];
}
