// Original file: proto/factstore/v1/cluster.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { StatusRequest as _factstore_v1_StatusRequest, StatusRequest__Output as _factstore_v1_StatusRequest__Output } from '../../factstore/v1/StatusRequest.ts';
import type { StatusResponse as _factstore_v1_StatusResponse, StatusResponse__Output as _factstore_v1_StatusResponse__Output } from '../../factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest as _factstore_v1_TransferLeadershipRequest, TransferLeadershipRequest__Output as _factstore_v1_TransferLeadershipRequest__Output } from '../../factstore/v1/TransferLeadershipRequest.ts';
import type { TransferLeadershipResponse as _factstore_v1_TransferLeadershipResponse, TransferLeadershipResponse__Output as _factstore_v1_TransferLeadershipResponse__Output } from '../../factstore/v1/TransferLeadershipResponse.ts';

export interface ClusterClient extends grpc.Client {
  Status(argument: _factstore_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  Status(argument: _factstore_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  Status(argument: _factstore_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  Status(argument: _factstore_v1_StatusRequest, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  status(argument: _factstore_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  status(argument: _factstore_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  status(argument: _factstore_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  status(argument: _factstore_v1_StatusRequest, callback: grpc.requestCallback<_factstore_v1_StatusResponse__Output>): grpc.ClientUnaryCall;
  
  TransferLeadership(argument: _factstore_v1_TransferLeadershipRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _factstore_v1_TransferLeadershipRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _factstore_v1_TransferLeadershipRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _factstore_v1_TransferLeadershipRequest, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _factstore_v1_TransferLeadershipRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _factstore_v1_TransferLeadershipRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _factstore_v1_TransferLeadershipRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _factstore_v1_TransferLeadershipRequest, callback: grpc.requestCallback<_factstore_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface ClusterHandlers extends grpc.UntypedServiceImplementation {
  Status: grpc.handleUnaryCall<_factstore_v1_StatusRequest__Output, _factstore_v1_StatusResponse>;
  
  TransferLeadership: grpc.handleUnaryCall<_factstore_v1_TransferLeadershipRequest__Output, _factstore_v1_TransferLeadershipResponse>;
  
}

export interface ClusterDefinition extends grpc.ServiceDefinition {
  Status: MethodDefinition<_factstore_v1_StatusRequest, _factstore_v1_StatusResponse, _factstore_v1_StatusRequest__Output, _factstore_v1_StatusResponse__Output>
  TransferLeadership: MethodDefinition<_factstore_v1_TransferLeadershipRequest, _factstore_v1_TransferLeadershipResponse, _factstore_v1_TransferLeadershipRequest__Output, _factstore_v1_TransferLeadershipResponse__Output>
}
