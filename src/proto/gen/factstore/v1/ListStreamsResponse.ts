// Original file: proto/factstore/v1/streams.proto

import type { ListedStream as _factstore_v1_ListedStream, ListedStream__Output as _factstore_v1_ListedStream__Output } from '../../factstore/v1/ListedStream.ts';
import type { Long } from '@grpc/proto-loader';

export interface ListStreamsResponse {
  'streams'?: (_factstore_v1_ListedStream)[];
  'next'?: (string);
  'head'?: (number | string | Long);
}

export interface ListStreamsResponse__Output {
  'streams': (_factstore_v1_ListedStream__Output)[];
  'next': (string);
  'head': (number);
}
