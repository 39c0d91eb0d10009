// Original file: proto/factstore/peer/v1/peer.proto


export interface FoundRequest {
  'record'?: (Buffer | Uint8Array | string);
  'clusterId'?: (Buffer | Uint8Array | string);
}

export interface FoundRequest__Output {
  'record': (Buffer);
  'clusterId': (Buffer);
}
