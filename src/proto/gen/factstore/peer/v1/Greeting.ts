// Original file: proto/factstore/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Greeting {
  'clusterId'?: (Buffer | Uint8Array | string);
  'nodeId'?: (string);
  'directoryId'?: (Buffer | Uint8Array | string);
  'incarnation'?: (number | string | Long);
  'protocolVersion'?: (number);
  'to'?: (string);
  'processId'?: (Buffer | Uint8Array | string);
  'bulk'?: (boolean);
  'logIndex'?: (number | string | Long);
  'featureLevel'?: (number);
  'knownFeatureLevel'?: (number);
  'membershipIndex'?: (number | string | Long);
  'peerAddress'?: (string);
}

export interface Greeting__Output {
  'clusterId': (Buffer);
  'nodeId': (string);
  'directoryId': (Buffer);
  'incarnation': (number);
  'protocolVersion': (number);
  'to': (string);
  'processId': (Buffer);
  'bulk': (boolean);
  'logIndex': (number);
  'featureLevel': (number);
  'knownFeatureLevel': (number);
  'membershipIndex': (number);
  'peerAddress': (string);
}
