// Original file: proto/factstore/v1/events.proto

import type { Long } from '@grpc/proto-loader';

export interface RecordedEvent {
  'id'?: (Buffer | Uint8Array | string);
  'type'?: (string);
  'data'?: (Buffer | Uint8Array | string);
  'contentType'?: (string);
  'metadata'?: (Buffer | Uint8Array | string);
  'tags'?: (string)[];
  'schemaVersion'?: (number);
  'stream'?: (string);
  'revision'?: (number | string | Long);
  'position'?: (number | string | Long);
  'createdUs'?: (number | string | Long);
}

export interface RecordedEvent__Output {
  'id': (Buffer);
  'type': (string);
  'data': (Buffer);
  'contentType': (string);
  'metadata': (Buffer);
  'tags': (string)[];
  'schemaVersion': (number);
  'stream': (string);
  'revision': (number);
  'position': (number);
  'createdUs': (number);
}
