// Original file: proto/factstore/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ScavengeStatusRequest as _factstore_v1_ScavengeStatusRequest, ScavengeStatusRequest__Output as _factstore_v1_ScavengeStatusRequest__Output } from '../../factstore/v1/ScavengeStatusRequest.ts';
import type { ScavengeStatusResponse as _factstore_v1_ScavengeStatusResponse, ScavengeStatusResponse__Output as _factstore_v1_ScavengeStatusResponse__Output } from '../../factstore/v1/ScavengeStatusResponse.ts';
import type { StartScavengeRequest as _factstore_v1_StartScavengeRequest, StartScavengeRequest__Output as _factstore_v1_StartScavengeRequest__Output } from '../../factstore/v1/StartScavengeRequest.ts';
import type { StartScavengeResponse as _factstore_v1_StartScavengeResponse, StartScavengeResponse__Output as _factstore_v1_StartScavengeResponse__Output } from '../../factstore/v1/StartScavengeResponse.ts';
import type { StopScavengeRequest as _factstore_v1_StopScavengeRequest, StopScavengeRequest__Output as _factstore_v1_StopScavengeRequest__Output } from '../../factstore/v1/StopScavengeRequest.ts';
import type { StopScavengeResponse as _factstore_v1_StopScavengeResponse, StopScavengeResponse__Output as _factstore_v1_StopScavengeResponse__Output } from '../../factstore/v1/StopScavengeResponse.ts';

export interface AdminClient extends grpc.Client {
  ScavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  ScavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  ScavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  ScavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  scavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  scavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  scavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  scavengeStatus(argument: _factstore_v1_ScavengeStatusRequest, callback: grpc.requestCallback<_factstore_v1_ScavengeStatusResponse__Output>): grpc.ClientUnaryCall;
  
  StartScavenge(argument: _factstore_v1_StartScavengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  StartScavenge(argument: _factstore_v1_StartScavengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  StartScavenge(argument: _factstore_v1_StartScavengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  StartScavenge(argument: _factstore_v1_StartScavengeRequest, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  startScavenge(argument: _factstore_v1_StartScavengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  startScavenge(argument: _factstore_v1_StartScavengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  startScavenge(argument: _factstore_v1_StartScavengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  startScavenge(argument: _factstore_v1_StartScavengeRequest, callback: grpc.requestCallback<_factstore_v1_StartScavengeResponse__Output>): grpc.ClientUnaryCall;
  
  StopScavenge(argument: _factstore_v1_StopScavengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  StopScavenge(argument: _factstore_v1_StopScavengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  StopScavenge(argument: _factstore_v1_StopScavengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  StopScavenge(argument: _factstore_v1_StopScavengeRequest, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  stopScavenge(argument: _factstore_v1_StopScavengeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  stopScavenge(argument: _factstore_v1_StopScavengeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  stopScavenge(argument: _factstore_v1_StopScavengeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  stopScavenge(argument: _factstore_v1_StopScavengeRequest, callback: grpc.requestCallback<_factstore_v1_StopScavengeResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AdminHandlers extends grpc.UntypedServiceImplementation {
  ScavengeStatus: grpc.handleUnaryCall<_factstore_v1_ScavengeStatusRequest__Output, _factstore_v1_ScavengeStatusResponse>;
  
  StartScavenge: grpc.handleUnaryCall<_factstore_v1_StartScavengeRequest__Output, _factstore_v1_StartScavengeResponse>;
  
  StopScavenge: grpc.handleUnaryCall<_factstore_v1_StopScavengeRequest__Output, _factstore_v1_StopScavengeResponse>;
  
}

export interface AdminDefinition extends grpc.ServiceDefinition {
  ScavengeStatus: MethodDefinition<_factstore_v1_ScavengeStatusRequest, _factstore_v1_ScavengeStatusResponse, _factstore_v1_ScavengeStatusRequest__Output, _factstore_v1_ScavengeStatusResponse__Output>
  StartScavenge: MethodDefinition<_factstore_v1_StartScavengeRequest, _factstore_v1_StartScavengeResponse, _factstore_v1_StartScavengeRequest__Output, _factstore_v1_StartScavengeResponse__Output>
  StopScavenge: MethodDefinition<_factstore_v1_StopScavengeRequest, _factstore_v1_StopScavengeResponse, _factstore_v1_StopScavengeRequest__Output, _factstore_v1_StopScavengeResponse__Output>
}
