// Original file: proto/factstore/peer/v1/peer.proto


export interface IdentifyRequest {
  'nodeId'?: (string);
}

export interface IdentifyRequest__Output {
  'nodeId': (string);
}
