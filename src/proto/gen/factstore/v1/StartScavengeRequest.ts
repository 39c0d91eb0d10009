// Original file: proto/factstore/v1/admin.proto


export interface StartScavengeRequest {
}

export interface StartScavengeRequest__Output {
}
