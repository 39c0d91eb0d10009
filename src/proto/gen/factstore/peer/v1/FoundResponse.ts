// Original file: proto/factstore/peer/v1/peer.proto


export interface FoundResponse {
}

export interface FoundResponse__Output {
}
