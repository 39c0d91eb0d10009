// Original file: proto/factstore/v1/events.proto

export const Retry = {
  RETRY_UNSPECIFIED: 'RETRY_UNSPECIFIED',
  RETRY_NO: 'RETRY_NO',
  RETRY_LATER: 'RETRY_LATER',
  RETRY_ELSEWHERE: 'RETRY_ELSEWHERE',
} as const;

export type Retry =
  | 'RETRY_UNSPECIFIED'
  | 0
  | 'RETRY_NO'
  | 1
  | 'RETRY_LATER'
  | 2
  | 'RETRY_ELSEWHERE'
  | 3

export type Retry__Output = typeof Retry[keyof typeof Retry]
