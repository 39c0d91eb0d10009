// Original file: proto/factstore/peer/v1/peer.proto


export interface EntriesResponse {
  'entries'?: (Buffer | Uint8Array | string)[];
}

export interface EntriesResponse__Output {
  'entries': (Buffer)[];
}
