// Original file: proto/factstore/peer/v1/peer.proto


export interface JoinResponse {
  'record'?: (Buffer | Uint8Array | string);
  'voter'?: (boolean);
  'leader'?: (string);
  'waits'?: (string);
  'clusterId'?: (Buffer | Uint8Array | string);
}

export interface JoinResponse__Output {
  'record': (Buffer);
  'voter': (boolean);
  'leader': (string);
  'waits': (string);
  'clusterId': (Buffer);
}
