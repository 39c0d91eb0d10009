// Original file: proto/factstore/v1/cluster.proto


export interface Move {
  'nodeId'?: (string);
  'peerAddress'?: (string);
}

export interface Move__Output {
  'nodeId': (string);
  'peerAddress': (string);
}
