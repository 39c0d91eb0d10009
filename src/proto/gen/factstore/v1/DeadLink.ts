// Original file: proto/factstore/v1/events.proto

export const DeadLink = {
  DEAD_LINK_UNSPECIFIED: 'DEAD_LINK_UNSPECIFIED',
  DEAD_LINK_HIDDEN: 'DEAD_LINK_HIDDEN',
  DEAD_LINK_NEVER_WRITTEN: 'DEAD_LINK_NEVER_WRITTEN',
  DEAD_LINK_WHOLE_STREAM: 'DEAD_LINK_WHOLE_STREAM',
} as const;

export type DeadLink =
  | 'DEAD_LINK_UNSPECIFIED'
  | 0
  | 'DEAD_LINK_HIDDEN'
  | 1
  | 'DEAD_LINK_NEVER_WRITTEN'
  | 2
  | 'DEAD_LINK_WHOLE_STREAM'
  | 3

export type DeadLink__Output = typeof DeadLink[keyof typeof DeadLink]
