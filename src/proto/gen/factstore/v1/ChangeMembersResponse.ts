// Original file: proto/factstore/v1/cluster.proto


export interface ChangeMembersResponse {
  'voters'?: (string)[];
  'learners'?: (string)[];
}

export interface ChangeMembersResponse__Output {
  'voters': (string)[];
  'learners': (string)[];
}
