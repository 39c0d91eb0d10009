// Original file: proto/factstore/v1/events.proto


export interface AppendRun {
  'appendId'?: (Buffer | Uint8Array | string);
  'events'?: (number);
}

export interface AppendRun__Output {
  'appendId': (Buffer);
  'events': (number);
}
