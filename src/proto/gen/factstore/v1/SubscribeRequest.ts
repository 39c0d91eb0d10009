// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface SubscribeRequest {
  'stream'?: (string);
  'all'?: (boolean);
  'afterPosition'?: (number | string | Long);
  'fromNow'?: (boolean);
  'userEvents'?: (boolean);
  'target'?: "stream"|"all";
  'start'?: "afterPosition"|"fromNow";
}

export interface SubscribeRequest__Output {
  'stream'?: (string);
  'all'?: (boolean);
  'afterPosition'?: (number);
  'fromNow'?: (boolean);
  'userEvents': (boolean);
  'target'?: "stream"|"all";
  'start'?: "afterPosition"|"fromNow";
}
