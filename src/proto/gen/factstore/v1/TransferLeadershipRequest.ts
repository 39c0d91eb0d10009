// Original file: proto/factstore/v1/cluster.proto


export interface TransferLeadershipRequest {
  'nodeId'?: (string);
}

export interface TransferLeadershipRequest__Output {
  'nodeId': (string);
}
