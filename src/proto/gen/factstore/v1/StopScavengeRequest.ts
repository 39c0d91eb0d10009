// Original file: proto/factstore/v1/admin.proto


export interface StopScavengeRequest {
  'appendId'?: (Buffer | Uint8Array | string);
}

export interface StopScavengeRequest__Output {
  'appendId': (Buffer);
}
