// Original file: proto/factstore/v1/events.proto


export interface NewEvent {
  'id'?: (Buffer | Uint8Array | string);
  'type'?: (string);
  'data'?: (Buffer | Uint8Array | string);
  'contentType'?: (string);
  'metadata'?: (Buffer | Uint8Array | string);
  'tags'?: (string)[];
  'schemaVersion'?: (number);
}

export interface NewEvent__Output {
  'id': (Buffer);
  'type': (string);
  'data': (Buffer);
  'contentType': (string);
  'metadata': (Buffer);
  'tags': (string)[];
  'schemaVersion': (number);
}
