// Original file: proto/factstore/v1/cluster.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ChangeMembersRequest as _factstore_v1_ChangeMembersRequest, ChangeMembersRequest__Output as _factstore_v1_ChangeMembersRequest__Output } from '../../factstore/v1/ChangeMembersRequest.ts';
import type { ChangeMembersResponse as _factstore_v1_ChangeMembersResponse, ChangeMembersResponse__Output as _factstore_v1_ChangeMembersResponse__Output } from '../../factstore/v1/ChangeMembersResponse.ts';
import type { RaiseFeatureLevelRequest as _factstore_v1_RaiseFeatureLevelRequest, RaiseFeatureLevelRequest__Output as _factstore_v1_RaiseFeatureLevelRequest__Output } from '../../factstore/v1/RaiseFeatureLevelRequest.ts';
import type { RaiseFeatureLevelResponse as _factstore_v1_RaiseFeatureLevelResponse, RaiseFeatureLevelResponse__Output as _factstore_v1_RaiseFeatureLevelResponse__Output } from '../../factstore/v1/RaiseFeatureLevelResponse.ts';
import type { StatusRequest as _factstore_v1_StatusRequest, StatusRequest__Output as _factstore_v1_StatusRequest__Output } from '../../factstore/v1/StatusRequest.ts';
import type { StatusResponse as _factstore_v1_StatusResponse, StatusResponse__Output as _factstore_v1_StatusResponse__Output } from '../../factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest as _factstore_v1_TransferLeadershipRequest, TransferLeadershipRequest__Output as _factstore_v1_TransferLeadershipRequest__Output } from '../../factstore/v1/TransferLeadershipRequest.ts';
import type { TransferLeadershipResponse as _factstore_v1_TransferLeadershipResponse, TransferLeadershipResponse__Output as _factstore_v1_TransferLeadershipResponse__Output } from '../../factstore/v1/TransferLeadershipResponse.ts';

export interface ClusterClient extends grpc.Client {
  ChangeMembers(argument: _factstore_v1_ChangeMembersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  ChangeMembers(argument: _factstore_v1_ChangeMembersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  ChangeMembers(argument: _factstore_v1_ChangeMembersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  ChangeMembers(argument: _factstore_v1_ChangeMembersRequest, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  changeMembers(argument: _factstore_v1_ChangeMembersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  changeMembers(argument: _factstore_v1_ChangeMembersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  changeMembers(argument: _factstore_v1_ChangeMembersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  changeMembers(argument: _factstore_v1_ChangeMembersRequest, callback: grpc.requestCallback<_factstore_v1_ChangeMembersResponse__Output>): grpc.ClientUnaryCall;
  
  RaiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  RaiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  RaiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  RaiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  raiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  raiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  raiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  raiseFeatureLevel(argument: _factstore_v1_RaiseFeatureLevelRequest, callback: grpc.requestCallback<_factstore_v1_RaiseFeatureLevelResponse__Output>): grpc.ClientUnaryCall;
  
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
  ChangeMembers: grpc.handleUnaryCall<_factstore_v1_ChangeMembersRequest__Output, _factstore_v1_ChangeMembersResponse>;
  
  RaiseFeatureLevel: grpc.handleUnaryCall<_factstore_v1_RaiseFeatureLevelRequest__Output, _factstore_v1_RaiseFeatureLevelResponse>;
  
  Status: grpc.handleUnaryCall<_factstore_v1_StatusRequest__Output, _factstore_v1_StatusResponse>;
  
  TransferLeadership: grpc.handleUnaryCall<_factstore_v1_TransferLeadershipRequest__Output, _factstore_v1_TransferLeadershipResponse>;
  
}

export interface ClusterDefinition extends grpc.ServiceDefinition {
  ChangeMembers: MethodDefinition<_factstore_v1_ChangeMembersRequest, _factstore_v1_ChangeMembersResponse, _factstore_v1_ChangeMembersRequest__Output, _factstore_v1_ChangeMembersResponse__Output>
  RaiseFeatureLevel: MethodDefinition<_factstore_v1_RaiseFeatureLevelRequest, _factstore_v1_RaiseFeatureLevelResponse, _factstore_v1_RaiseFeatureLevelRequest__Output, _factstore_v1_RaiseFeatureLevelResponse__Output>
  Status: MethodDefinition<_factstore_v1_StatusRequest, _factstore_v1_StatusResponse, _factstore_v1_StatusRequest__Output, _factstore_v1_StatusResponse__Output>
  TransferLeadership: MethodDefinition<_factstore_v1_TransferLeadershipRequest, _factstore_v1_TransferLeadershipResponse, _factstore_v1_TransferLeadershipRequest__Output, _factstore_v1_TransferLeadershipResponse__Output>
}
