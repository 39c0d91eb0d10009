// Original file: proto/factstore/v1/events.proto

import type { Expect as _factstore_v1_Expect, Expect__Output as _factstore_v1_Expect__Output } from '../../factstore/v1/Expect.ts';
import type { StreamState as _factstore_v1_StreamState, StreamState__Output as _factstore_v1_StreamState__Output } from '../../factstore/v1/StreamState.ts';
import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from '../../factstore/v1/RecordedEvent.ts';
import type { Long } from '@grpc/proto-loader';

export interface FailedCheck {
  'stream'?: (string);
  'expect'?: (_factstore_v1_Expect);
  'expectedRevision'?: (number | string | Long);
  'actual'?: (_factstore_v1_StreamState);
  'actualRevision'?: (number | string | Long);
  'events'?: (_factstore_v1_RecordedEvent)[];
  'cut'?: (boolean);
}

export interface FailedCheck__Output {
  'stream': (string);
  'expect': (_factstore_v1_Expect__Output);
  'expectedRevision': (number);
  'actual': (_factstore_v1_StreamState__Output);
  'actualRevision': (number);
  'events': (_factstore_v1_RecordedEvent__Output)[];
  'cut': (boolean);
}
