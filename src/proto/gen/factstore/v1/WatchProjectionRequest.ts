// Original file: proto/factstore/v1/projections.proto


export interface WatchProjectionRequest {
  'name'?: (string);
  'partition'?: (string);
  'prefix'?: (string);
  'tellBegun'?: (boolean);
  'which'?: "partition"|"prefix";
}

export interface WatchProjectionRequest__Output {
  'name': (string);
  'partition'?: (string);
  'prefix'?: (string);
  'tellBegun': (boolean);
  'which'?: "partition"|"prefix";
}
