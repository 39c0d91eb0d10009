// Original file: proto/factstore/v1/cluster.proto

import type { Long } from '@grpc/proto-loader';

export interface Member {
  'nodeId'?: (string);
  'directoryId'?: (string);
  'address'?: (string);
  'peerAddress'?: (string);
  'voter'?: (boolean);
  'matchIndex'?: (number | string | Long);
  'unreachable'?: (string);
}

export interface Member__Output {
  'nodeId': (string);
  'directoryId': (string);
  'address': (string);
  'peerAddress': (string);
  'voter': (boolean);
  'matchIndex': (number);
  'unreachable': (string);
}
