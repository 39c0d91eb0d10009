// Original file: proto/factstore/v1/projections.proto

import type { PartitionState as _factstore_v1_PartitionState, PartitionState__Output as _factstore_v1_PartitionState__Output } from '../../factstore/v1/PartitionState.ts';
import type { Long } from '@grpc/proto-loader';

export interface PartitionsResponse {
  'partitions'?: (_factstore_v1_PartitionState)[];
  'next'?: (string);
  'at'?: (number | string | Long);
  'generation'?: (number | string | Long);
}

export interface PartitionsResponse__Output {
  'partitions': (_factstore_v1_PartitionState__Output)[];
  'next': (string);
  'at': (number);
  'generation': (number);
}
