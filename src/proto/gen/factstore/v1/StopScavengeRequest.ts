// Original file: proto/factstore/v1/admin.proto


export interface StopScavengeRequest {
}

export interface StopScavengeRequest__Output {
}
