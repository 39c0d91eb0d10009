// Original file: proto/factstore/peer/v1/peer.proto

export const RaftMessageType = {
  RAFT_MESSAGE_TYPE_UNSPECIFIED: 'RAFT_MESSAGE_TYPE_UNSPECIFIED',
  APPEND: 'APPEND',
  APPEND_RESPONSE: 'APPEND_RESPONSE',
  HEARTBEAT: 'HEARTBEAT',
  HEARTBEAT_RESPONSE: 'HEARTBEAT_RESPONSE',
  PRE_VOTE: 'PRE_VOTE',
  PRE_VOTE_RESPONSE: 'PRE_VOTE_RESPONSE',
  VOTE: 'VOTE',
  VOTE_RESPONSE: 'VOTE_RESPONSE',
  READ_INDEX: 'READ_INDEX',
  READ_INDEX_RESPONSE: 'READ_INDEX_RESPONSE',
  TIMEOUT_NOW: 'TIMEOUT_NOW',
} as const;

export type RaftMessageType =
  | 'RAFT_MESSAGE_TYPE_UNSPECIFIED'
  | 0
  | 'APPEND'
  | 1
  | 'APPEND_RESPONSE'
  | 2
  | 'HEARTBEAT'
  | 3
  | 'HEARTBEAT_RESPONSE'
  | 4
  | 'PRE_VOTE'
  | 5
  | 'PRE_VOTE_RESPONSE'
  | 6
  | 'VOTE'
  | 7
  | 'VOTE_RESPONSE'
  | 8
  | 'READ_INDEX'
  | 9
  | 'READ_INDEX_RESPONSE'
  | 10
  | 'TIMEOUT_NOW'
  | 11

export type RaftMessageType__Output = typeof RaftMessageType[keyof typeof RaftMessageType]
