// Original file: proto/factstore/v1/streams.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetStreamRequest as _factstore_v1_GetStreamRequest, GetStreamRequest__Output as _factstore_v1_GetStreamRequest__Output } from '../../factstore/v1/GetStreamRequest.ts';
import type { GetStreamResponse as _factstore_v1_GetStreamResponse, GetStreamResponse__Output as _factstore_v1_GetStreamResponse__Output } from '../../factstore/v1/GetStreamResponse.ts';
import type { ListStreamsRequest as _factstore_v1_ListStreamsRequest, ListStreamsRequest__Output as _factstore_v1_ListStreamsRequest__Output } from '../../factstore/v1/ListStreamsRequest.ts';
import type { ListStreamsResponse as _factstore_v1_ListStreamsResponse, ListStreamsResponse__Output as _factstore_v1_ListStreamsResponse__Output } from '../../factstore/v1/ListStreamsResponse.ts';

export interface StreamsClient extends grpc.Client {
  Get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  
  List(argument: _factstore_v1_ListStreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListStreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListStreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _factstore_v1_ListStreamsRequest, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListStreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListStreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListStreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _factstore_v1_ListStreamsRequest, callback: grpc.requestCallback<_factstore_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface StreamsHandlers extends grpc.UntypedServiceImplementation {
  Get: grpc.handleUnaryCall<_factstore_v1_GetStreamRequest__Output, _factstore_v1_GetStreamResponse>;
  
  List: grpc.handleUnaryCall<_factstore_v1_ListStreamsRequest__Output, _factstore_v1_ListStreamsResponse>;
  
}

export interface StreamsDefinition extends grpc.ServiceDefinition {
  Get: MethodDefinition<_factstore_v1_GetStreamRequest, _factstore_v1_GetStreamResponse, _factstore_v1_GetStreamRequest__Output, _factstore_v1_GetStreamResponse__Output>
  List: MethodDefinition<_factstore_v1_ListStreamsRequest, _factstore_v1_ListStreamsResponse, _factstore_v1_ListStreamsRequest__Output, _factstore_v1_ListStreamsResponse__Output>
}
