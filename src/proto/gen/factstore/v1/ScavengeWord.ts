// Original file: proto/factstore/v1/events.proto

export const ScavengeWord = {
  SCAVENGE_WORD_UNSPECIFIED: 'SCAVENGE_WORD_UNSPECIFIED',
  SCAVENGE_WORD_START: 'SCAVENGE_WORD_START',
  SCAVENGE_WORD_STOP: 'SCAVENGE_WORD_STOP',
} as const;

export type ScavengeWord =
  | 'SCAVENGE_WORD_UNSPECIFIED'
  | 0
  | 'SCAVENGE_WORD_START'
  | 1
  | 'SCAVENGE_WORD_STOP'
  | 2

export type ScavengeWord__Output = typeof ScavengeWord[keyof typeof ScavengeWord]
