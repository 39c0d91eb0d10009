// Original file: proto/factstore/v1/events.proto

import type { QueryItem as _factstore_v1_QueryItem, QueryItem__Output as _factstore_v1_QueryItem__Output } from '../../factstore/v1/QueryItem.ts';

export interface Query {
  'items'?: (_factstore_v1_QueryItem)[];
  'all'?: (boolean);
}

export interface Query__Output {
  'items': (_factstore_v1_QueryItem__Output)[];
  'all': (boolean);
}
