// Original file: proto/factstore/v1/cluster.proto


export interface RaiseFeatureLevelResponse {
  'level'?: (number);
}

export interface RaiseFeatureLevelResponse__Output {
  'level': (number);
}
