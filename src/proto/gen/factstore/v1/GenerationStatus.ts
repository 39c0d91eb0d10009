// Original file: proto/factstore/v1/projections.proto

import type { GenerationState as _factstore_v1_GenerationState, GenerationState__Output as _factstore_v1_GenerationState__Output } from '../../factstore/v1/GenerationState.ts';
import type { Long } from '@grpc/proto-loader';

export interface GenerationStatus {
  'generation'?: (number | string | Long);
  'state'?: (_factstore_v1_GenerationState);
  'checkpoint'?: (number | string | Long);
  'lag'?: (number | string | Long);
  'percent'?: (number | string);
  'eventsPerSecond'?: (number | string | Long);
  'fault'?: (string);
  'faultPosition'?: (number | string | Long);
  'outbox'?: (number | string | Long);
  'memoryBytes'?: (number | string | Long);
  'divergence'?: (string);
  'waitsFor'?: (string);
}

export interface GenerationStatus__Output {
  'generation': (number);
  'state': (_factstore_v1_GenerationState__Output);
  'checkpoint': (number);
  'lag': (number);
  'percent': (number);
  'eventsPerSecond': (number);
  'fault': (string);
  'faultPosition': (number);
  'outbox': (number);
  'memoryBytes': (number);
  'divergence': (string);
  'waitsFor': (string);
}
