// Original file: proto/factstore/peer/v1/peer.proto


export interface StateRow {
  'key'?: (Buffer | Uint8Array | string);
  'value'?: (Buffer | Uint8Array | string);
}

export interface StateRow__Output {
  'key': (Buffer);
  'value': (Buffer);
}
