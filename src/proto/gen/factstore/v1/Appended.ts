// Original file: proto/factstore/v1/events.proto

import type { WriteResult as _factstore_v1_WriteResult, WriteResult__Output as _factstore_v1_WriteResult__Output } from '../../factstore/v1/WriteResult.ts';
import type { Long } from '@grpc/proto-loader';

export interface Appended {
  'firstPosition'?: (number | string | Long);
  'position'?: (number | string | Long);
  'writes'?: (_factstore_v1_WriteResult)[];
  'createdUs'?: (number | string | Long);
  'repeated'?: (boolean);
}

export interface Appended__Output {
  'firstPosition': (number);
  'position': (number);
  'writes': (_factstore_v1_WriteResult__Output)[];
  'createdUs': (number);
  'repeated': (boolean);
}
