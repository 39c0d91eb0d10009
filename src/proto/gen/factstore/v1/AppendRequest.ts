// Original file: proto/factstore/v1/events.proto

import type { Write as _factstore_v1_Write, Write__Output as _factstore_v1_Write__Output } from '../../factstore/v1/Write.ts';
import type { ProducerCursor as _factstore_v1_ProducerCursor, ProducerCursor__Output as _factstore_v1_ProducerCursor__Output } from '../../factstore/v1/ProducerCursor.ts';
import type { AppendCondition as _factstore_v1_AppendCondition, AppendCondition__Output as _factstore_v1_AppendCondition__Output } from '../../factstore/v1/AppendCondition.ts';
import type { StreamChange as _factstore_v1_StreamChange, StreamChange__Output as _factstore_v1_StreamChange__Output } from '../../factstore/v1/StreamChange.ts';
import type { ProjectionFact as _factstore_v1_ProjectionFact, ProjectionFact__Output as _factstore_v1_ProjectionFact__Output } from '../../factstore/v1/ProjectionFact.ts';
import type { ScavengeWord as _factstore_v1_ScavengeWord, ScavengeWord__Output as _factstore_v1_ScavengeWord__Output } from '../../factstore/v1/ScavengeWord.ts';
import type { Long } from '@grpc/proto-loader';

export interface AppendRequest {
  'appendId'?: (Buffer | Uint8Array | string);
  'writes'?: (_factstore_v1_Write)[];
  'producer'?: (_factstore_v1_ProducerCursor | null);
  'attemptAgeMs'?: (number | string | Long);
  'forward'?: (boolean);
  'conditions'?: (_factstore_v1_AppendCondition)[];
  'change'?: (_factstore_v1_StreamChange | null);
  'projection'?: (_factstore_v1_ProjectionFact | null);
  'scavenge'?: (_factstore_v1_ScavengeWord);
  '_forward'?: "forward";
}

export interface AppendRequest__Output {
  'appendId': (Buffer);
  'writes': (_factstore_v1_Write__Output)[];
  'producer': (_factstore_v1_ProducerCursor__Output | null);
  'attemptAgeMs': (number);
  'forward'?: (boolean);
  'conditions': (_factstore_v1_AppendCondition__Output)[];
  'change': (_factstore_v1_StreamChange__Output | null);
  'projection': (_factstore_v1_ProjectionFact__Output | null);
  'scavenge': (_factstore_v1_ScavengeWord__Output);
  '_forward'?: "forward";
}
