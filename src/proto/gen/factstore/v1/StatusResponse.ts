// Original file: proto/factstore/v1/cluster.proto

import type { Role as _factstore_v1_Role, Role__Output as _factstore_v1_Role__Output } from '../../factstore/v1/Role.ts';
import type { Member as _factstore_v1_Member, Member__Output as _factstore_v1_Member__Output } from '../../factstore/v1/Member.ts';
import type { Long } from '@grpc/proto-loader';

export interface StatusResponse {
  'clusterId'?: (string);
  'nodeId'?: (string);
  'directoryId'?: (string);
  'role'?: (_factstore_v1_Role);
  'term'?: (number | string | Long);
  'leader'?: (string);
  'commitIndex'?: (number | string | Long);
  'appliedIndex'?: (number | string | Long);
  'head'?: (number | string | Long);
  'chainHash'?: (Buffer | Uint8Array | string);
  'persistedIndex'?: (number | string | Long);
  'members'?: (_factstore_v1_Member)[];
  'version'?: (string);
  'uptimeMs'?: (number | string | Long);
  'notReady'?: (string);
  'featureLevel'?: (number);
  'knownFeatureLevel'?: (number);
}

export interface StatusResponse__Output {
  'clusterId': (string);
  'nodeId': (string);
  'directoryId': (string);
  'role': (_factstore_v1_Role__Output);
  'term': (number);
  'leader': (string);
  'commitIndex': (number);
  'appliedIndex': (number);
  'head': (number);
  'chainHash': (Buffer);
  'persistedIndex': (number);
  'members': (_factstore_v1_Member__Output)[];
  'version': (string);
  'uptimeMs': (number);
  'notReady': (string);
  'featureLevel': (number);
  'knownFeatureLevel': (number);
}
