// Original file: proto/factstore/v1/admin.proto


export interface ScavengeStatusRequest {
}

export interface ScavengeStatusRequest__Output {
}
