// Original file: proto/factstore/v1/streams.proto

export const StreamOrder = {
  STREAM_ORDER_UNSPECIFIED: 'STREAM_ORDER_UNSPECIFIED',
  STREAM_ORDER_NAME: 'STREAM_ORDER_NAME',
  STREAM_ORDER_CREATION: 'STREAM_ORDER_CREATION',
} as const;

export type StreamOrder =
  | 'STREAM_ORDER_UNSPECIFIED'
  | 0
  | 'STREAM_ORDER_NAME'
  | 1
  | 'STREAM_ORDER_CREATION'
  | 2

export type StreamOrder__Output = typeof StreamOrder[keyof typeof StreamOrder]
