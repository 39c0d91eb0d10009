// Original file: proto/factstore/v1/cluster.proto


export interface Replacement {
  'nodeId'?: (string);
  'by'?: (string);
}

export interface Replacement__Output {
  'nodeId': (string);
  'by': (string);
}
