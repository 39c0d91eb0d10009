// Original file: proto/factstore/v1/events.proto

export const StreamState = {
  STREAM_STATE_UNSPECIFIED: 'STREAM_STATE_UNSPECIFIED',
  STREAM_STATE_NONE: 'STREAM_STATE_NONE',
  STREAM_STATE_EXISTS: 'STREAM_STATE_EXISTS',
  STREAM_STATE_DELETED: 'STREAM_STATE_DELETED',
  STREAM_STATE_TOMBSTONED: 'STREAM_STATE_TOMBSTONED',
} as const;

export type StreamState =
  | 'STREAM_STATE_UNSPECIFIED'
  | 0
  | 'STREAM_STATE_NONE'
  | 1
  | 'STREAM_STATE_EXISTS'
  | 2
  | 'STREAM_STATE_DELETED'
  | 3
  | 'STREAM_STATE_TOMBSTONED'
  | 4

export type StreamState__Output = typeof StreamState[keyof typeof StreamState]
