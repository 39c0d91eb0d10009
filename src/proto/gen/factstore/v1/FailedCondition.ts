// Original file: proto/factstore/v1/events.proto

import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from '../../factstore/v1/RecordedEvent.ts';

export interface FailedCondition {
  'index'?: (number);
  'events'?: (_factstore_v1_RecordedEvent)[];
  'cut'?: (boolean);
}

export interface FailedCondition__Output {
  'index': (number);
  'events': (_factstore_v1_RecordedEvent__Output)[];
  'cut': (boolean);
}
