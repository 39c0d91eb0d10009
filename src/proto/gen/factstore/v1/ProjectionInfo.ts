// Original file: proto/factstore/v1/projections.proto

import type { ErrorPolicy as _factstore_v1_ErrorPolicy, ErrorPolicy__Output as _factstore_v1_ErrorPolicy__Output } from '../../factstore/v1/ErrorPolicy.ts';
import type { GenerationStatus as _factstore_v1_GenerationStatus, GenerationStatus__Output as _factstore_v1_GenerationStatus__Output } from '../../factstore/v1/GenerationStatus.ts';
import type { ParkedEvent as _factstore_v1_ParkedEvent, ParkedEvent__Output as _factstore_v1_ParkedEvent__Output } from '../../factstore/v1/ParkedEvent.ts';
import type { Long } from '@grpc/proto-loader';

export interface ProjectionInfo {
  'name'?: (string);
  'source'?: (string);
  'onError'?: (_factstore_v1_ErrorPolicy);
  'enabled'?: (boolean);
  'changedAt'?: (number | string | Long);
  'nodeId'?: (string);
  'head'?: (number | string | Long);
  'active'?: (_factstore_v1_GenerationStatus | null);
  'building'?: (_factstore_v1_GenerationStatus | null);
  'parked'?: (_factstore_v1_ParkedEvent)[];
  'canRollBack'?: (boolean);
}

export interface ProjectionInfo__Output {
  'name': (string);
  'source': (string);
  'onError': (_factstore_v1_ErrorPolicy__Output);
  'enabled': (boolean);
  'changedAt': (number);
  'nodeId': (string);
  'head': (number);
  'active': (_factstore_v1_GenerationStatus__Output | null);
  'building': (_factstore_v1_GenerationStatus__Output | null);
  'parked': (_factstore_v1_ParkedEvent__Output)[];
  'canRollBack': (boolean);
}
