// Original file: proto/factstore/v1/admin.proto


export interface StartScavengeRequest {
  'appendId'?: (Buffer | Uint8Array | string);
}

export interface StartScavengeRequest__Output {
  'appendId': (Buffer);
}
