// Original file: proto/factstore/v1/cluster.proto


export interface RaiseFeatureLevelRequest {
  'level'?: (number);
}

export interface RaiseFeatureLevelRequest__Output {
  'level': (number);
}
