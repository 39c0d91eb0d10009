// Original file: proto/factstore/v1/admin.proto

export const ScavengeState = {
  SCAVENGE_STATE_UNSPECIFIED: 'SCAVENGE_STATE_UNSPECIFIED',
  SCAVENGE_STATE_RUNNING: 'SCAVENGE_STATE_RUNNING',
  SCAVENGE_STATE_DONE: 'SCAVENGE_STATE_DONE',
  SCAVENGE_STATE_STOPPED: 'SCAVENGE_STATE_STOPPED',
} as const;

export type ScavengeState =
  | 'SCAVENGE_STATE_UNSPECIFIED'
  | 0
  | 'SCAVENGE_STATE_RUNNING'
  | 1
  | 'SCAVENGE_STATE_DONE'
  | 2
  | 'SCAVENGE_STATE_STOPPED'
  | 3

export type ScavengeState__Output = typeof ScavengeState[keyof typeof ScavengeState]
