// Original file: proto/factstore/peer/v1/peer.proto


export interface FoundingMember {
  'nodeId'?: (string);
  'directoryId'?: (Buffer | Uint8Array | string);
  'address'?: (string);
  'peerAddress'?: (string);
}

export interface FoundingMember__Output {
  'nodeId': (string);
  'directoryId': (Buffer);
  'address': (string);
  'peerAddress': (string);
}
