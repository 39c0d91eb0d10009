// Original file: proto/factstore/v1/cluster.proto


export interface TransferLeadershipResponse {
  'leader'?: (string);
}

export interface TransferLeadershipResponse__Output {
  'leader': (string);
}
