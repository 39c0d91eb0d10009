// Original file: proto/factstore/v1/projections.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ChangeProjectionRequest as _factstore_v1_ChangeProjectionRequest, ChangeProjectionRequest__Output as _factstore_v1_ChangeProjectionRequest__Output } from '../../factstore/v1/ChangeProjectionRequest.ts';
import type { ChangeProjectionResponse as _factstore_v1_ChangeProjectionResponse, ChangeProjectionResponse__Output as _factstore_v1_ChangeProjectionResponse__Output } from '../../factstore/v1/ChangeProjectionResponse.ts';
import type { DefineProjectionRequest as _factstore_v1_DefineProjectionRequest, DefineProjectionRequest__Output as _factstore_v1_DefineProjectionRequest__Output } from '../../factstore/v1/DefineProjectionRequest.ts';
import type { GetProjectionRequest as _factstore_v1_GetProjectionRequest, GetProjectionRequest__Output as _factstore_v1_GetProjectionRequest__Output } from '../../factstore/v1/GetProjectionRequest.ts';
import type { ListProjectionsRequest as _factstore_v1_ListProjectionsRequest, ListProjectionsRequest__Output as _factstore_v1_ListProjectionsRequest__Output } from '../../factstore/v1/ListProjectionsRequest.ts';
import type { ListProjectionsResponse as _factstore_v1_ListProjectionsResponse, ListProjectionsResponse__Output as _factstore_v1_ListProjectionsResponse__Output } from '../../factstore/v1/ListProjectionsResponse.ts';
import type { PartitionState as _factstore_v1_PartitionState, PartitionState__Output as _factstore_v1_PartitionState__Output } from '../../factstore/v1/PartitionState.ts';
import type { PartitionsRequest as _factstore_v1_PartitionsRequest, PartitionsRequest__Output as _factstore_v1_PartitionsRequest__Output } from '../../factstore/v1/PartitionsRequest.ts';
import type { PartitionsResponse as _factstore_v1_PartitionsResponse, PartitionsResponse__Output as _factstore_v1_PartitionsResponse__Output } from '../../factstore/v1/PartitionsResponse.ts';
import type { ProjectionInfo as _factstore_v1_ProjectionInfo, ProjectionInfo__Output as _factstore_v1_ProjectionInfo__Output } from '../../factstore/v1/ProjectionInfo.ts';
import type { StateRequest as _factstore_v1_StateRequest, StateRequest__Output as _factstore_v1_StateRequest__Output } from '../../factstore/v1/StateRequest.ts';
import type { WatchProjectionRequest as _factstore_v1_WatchProjectionRequest, WatchProjectionRequest__Output as _factstore_v1_WatchProjectionRequest__Output } from '../../factstore/v1/WatchProjectionRequest.ts';

export interface ProjectionsClient extends grpc.Client {
  Change(argument: _factstore_v1_ChangeProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Change(argument: _factstore_v1_ChangeProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Change(argument: _factstore_v1_ChangeProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Change(argument: _factstore_v1_ChangeProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  change(argument: _factstore_v1_ChangeProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  change(argument: _factstore_v1_ChangeProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  change(argument: _factstore_v1_ChangeProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  change(argument: _factstore_v1_ChangeProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  
  Create(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _factstore_v1_DefineProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _factstore_v1_DefineProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _factstore_v1_DefineProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _factstore_v1_DefineProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _factstore_v1_GetProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ProjectionInfo__Output>): grpc.ClientUnaryCall;
  
  List(argument: _factstore_v1_ListProjectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListProjectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListProjectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListProjectionsRequest, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListProjectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListProjectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListProjectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListProjectionsRequest, callback: grpc.requestCallback<_factstore_v1_ListProjectionsResponse__Output>): grpc.ClientUnaryCall;
  
  Partitions(argument: _factstore_v1_PartitionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  Partitions(argument: _factstore_v1_PartitionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  Partitions(argument: _factstore_v1_PartitionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  Partitions(argument: _factstore_v1_PartitionsRequest, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  partitions(argument: _factstore_v1_PartitionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  partitions(argument: _factstore_v1_PartitionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  partitions(argument: _factstore_v1_PartitionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  partitions(argument: _factstore_v1_PartitionsRequest, callback: grpc.requestCallback<_factstore_v1_PartitionsResponse__Output>): grpc.ClientUnaryCall;
  
  State(argument: _factstore_v1_StateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  State(argument: _factstore_v1_StateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  State(argument: _factstore_v1_StateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  State(argument: _factstore_v1_StateRequest, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  state(argument: _factstore_v1_StateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  state(argument: _factstore_v1_StateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  state(argument: _factstore_v1_StateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  state(argument: _factstore_v1_StateRequest, callback: grpc.requestCallback<_factstore_v1_PartitionState__Output>): grpc.ClientUnaryCall;
  
  Update(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Update(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Update(argument: _factstore_v1_DefineProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  Update(argument: _factstore_v1_DefineProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  update(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  update(argument: _factstore_v1_DefineProjectionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  update(argument: _factstore_v1_DefineProjectionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  update(argument: _factstore_v1_DefineProjectionRequest, callback: grpc.requestCallback<_factstore_v1_ChangeProjectionResponse__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _factstore_v1_WatchProjectionRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_PartitionState__Output>;
  Watch(argument: _factstore_v1_WatchProjectionRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_PartitionState__Output>;
  watch(argument: _factstore_v1_WatchProjectionRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_PartitionState__Output>;
  watch(argument: _factstore_v1_WatchProjectionRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_PartitionState__Output>;
  
}

export interface ProjectionsHandlers extends grpc.UntypedServiceImplementation {
  Change: grpc.handleUnaryCall<_factstore_v1_ChangeProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse>;
  
  Create: grpc.handleUnaryCall<_factstore_v1_DefineProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse>;
  
  Get: grpc.handleUnaryCall<_factstore_v1_GetProjectionRequest__Output, _factstore_v1_ProjectionInfo>;
  
  List: grpc.handleUnaryCall<_factstore_v1_ListProjectionsRequest__Output, _factstore_v1_ListProjectionsResponse>;
  
  Partitions: grpc.handleUnaryCall<_factstore_v1_PartitionsRequest__Output, _factstore_v1_PartitionsResponse>;
  
  State: grpc.handleUnaryCall<_factstore_v1_StateRequest__Output, _factstore_v1_PartitionState>;
  
  Update: grpc.handleUnaryCall<_factstore_v1_DefineProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse>;
  
  Watch: grpc.handleServerStreamingCall<_factstore_v1_WatchProjectionRequest__Output, _factstore_v1_PartitionState>;
  
}

export interface ProjectionsDefinition extends grpc.ServiceDefinition {
  Change: MethodDefinition<_factstore_v1_ChangeProjectionRequest, _factstore_v1_ChangeProjectionResponse, _factstore_v1_ChangeProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse__Output>
  Create: MethodDefinition<_factstore_v1_DefineProjectionRequest, _factstore_v1_ChangeProjectionResponse, _factstore_v1_DefineProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse__Output>
  Get: MethodDefinition<_factstore_v1_GetProjectionRequest, _factstore_v1_ProjectionInfo, _factstore_v1_GetProjectionRequest__Output, _factstore_v1_ProjectionInfo__Output>
  List: MethodDefinition<_factstore_v1_ListProjectionsRequest, _factstore_v1_ListProjectionsResponse, _factstore_v1_ListProjectionsRequest__Output, _factstore_v1_ListProjectionsResponse__Output>
  Partitions: MethodDefinition<_factstore_v1_PartitionsRequest, _factstore_v1_PartitionsResponse, _factstore_v1_PartitionsRequest__Output, _factstore_v1_PartitionsResponse__Output>
  State: MethodDefinition<_factstore_v1_StateRequest, _factstore_v1_PartitionState, _factstore_v1_StateRequest__Output, _factstore_v1_PartitionState__Output>
  Update: MethodDefinition<_factstore_v1_DefineProjectionRequest, _factstore_v1_ChangeProjectionResponse, _factstore_v1_DefineProjectionRequest__Output, _factstore_v1_ChangeProjectionResponse__Output>
  Watch: MethodDefinition<_factstore_v1_WatchProjectionRequest, _factstore_v1_PartitionState, _factstore_v1_WatchProjectionRequest__Output, _factstore_v1_PartitionState__Output>
}
