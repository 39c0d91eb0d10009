// Original file: proto/factstore/v1/streams.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetStreamRequest as _factstore_v1_GetStreamRequest, GetStreamRequest__Output as _factstore_v1_GetStreamRequest__Output } from '../../factstore/v1/GetStreamRequest.ts';
import type { GetStreamResponse as _factstore_v1_GetStreamResponse, GetStreamResponse__Output as _factstore_v1_GetStreamResponse__Output } from '../../factstore/v1/GetStreamResponse.ts';

export interface StreamsClient extends grpc.Client {
  Get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  Get(argument: _factstore_v1_GetStreamRequest, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  get(argument: _factstore_v1_GetStreamRequest, callback: grpc.requestCallback<_factstore_v1_GetStreamResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface StreamsHandlers extends grpc.UntypedServiceImplementation {
  Get: grpc.handleUnaryCall<_factstore_v1_GetStreamRequest__Output, _factstore_v1_GetStreamResponse>;
  
}

export interface StreamsDefinition extends grpc.ServiceDefinition {
  Get: MethodDefinition<_factstore_v1_GetStreamRequest, _factstore_v1_GetStreamResponse, _factstore_v1_GetStreamRequest__Output, _factstore_v1_GetStreamResponse__Output>
}
