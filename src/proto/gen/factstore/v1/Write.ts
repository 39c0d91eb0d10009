// Original file: proto/factstore/v1/events.proto

import type { Expect as _factstore_v1_Expect, Expect__Output as _factstore_v1_Expect__Output } from '../../factstore/v1/Expect.ts';
import type { NewEvent as _factstore_v1_NewEvent, NewEvent__Output as _factstore_v1_NewEvent__Output } from '../../factstore/v1/NewEvent.ts';
import type { Long } from '@grpc/proto-loader';

export interface Write {
  'stream'?: (string);
  'expect'?: (_factstore_v1_Expect);
  'revision'?: (number | string | Long);
  'events'?: (_factstore_v1_NewEvent)[];
}

export interface Write__Output {
  'stream': (string);
  'expect': (_factstore_v1_Expect__Output);
  'revision': (number);
  'events': (_factstore_v1_NewEvent__Output)[];
}
