// Original file: proto/factstore/v1/events.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AppendRequest as _factstore_v1_AppendRequest, AppendRequest__Output as _factstore_v1_AppendRequest__Output } from '../../factstore/v1/AppendRequest.ts';
import type { AppendResponse as _factstore_v1_AppendResponse, AppendResponse__Output as _factstore_v1_AppendResponse__Output } from '../../factstore/v1/AppendResponse.ts';
import type { AppendStreamRequest as _factstore_v1_AppendStreamRequest, AppendStreamRequest__Output as _factstore_v1_AppendStreamRequest__Output } from '../../factstore/v1/AppendStreamRequest.ts';
import type { AppendStreamResponse as _factstore_v1_AppendStreamResponse, AppendStreamResponse__Output as _factstore_v1_AppendStreamResponse__Output } from '../../factstore/v1/AppendStreamResponse.ts';
import type { GetProducerRequest as _factstore_v1_GetProducerRequest, GetProducerRequest__Output as _factstore_v1_GetProducerRequest__Output } from '../../factstore/v1/GetProducerRequest.ts';
import type { GetProducerResponse as _factstore_v1_GetProducerResponse, GetProducerResponse__Output as _factstore_v1_GetProducerResponse__Output } from '../../factstore/v1/GetProducerResponse.ts';
import type { HeadRequest as _factstore_v1_HeadRequest, HeadRequest__Output as _factstore_v1_HeadRequest__Output } from '../../factstore/v1/HeadRequest.ts';
import type { HeadResponse as _factstore_v1_HeadResponse, HeadResponse__Output as _factstore_v1_HeadResponse__Output } from '../../factstore/v1/HeadResponse.ts';
import type { ReadRequest as _factstore_v1_ReadRequest, ReadRequest__Output as _factstore_v1_ReadRequest__Output } from '../../factstore/v1/ReadRequest.ts';
import type { ReadResponse as _factstore_v1_ReadResponse, ReadResponse__Output as _factstore_v1_ReadResponse__Output } from '../../factstore/v1/ReadResponse.ts';
import type { SubscribeRequest as _factstore_v1_SubscribeRequest, SubscribeRequest__Output as _factstore_v1_SubscribeRequest__Output } from '../../factstore/v1/SubscribeRequest.ts';
import type { SubscribeResponse as _factstore_v1_SubscribeResponse, SubscribeResponse__Output as _factstore_v1_SubscribeResponse__Output } from '../../factstore/v1/SubscribeResponse.ts';

export interface EventsClient extends grpc.Client {
  Append(argument: _factstore_v1_AppendRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  Append(argument: _factstore_v1_AppendRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  Append(argument: _factstore_v1_AppendRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  Append(argument: _factstore_v1_AppendRequest, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  append(argument: _factstore_v1_AppendRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  append(argument: _factstore_v1_AppendRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  append(argument: _factstore_v1_AppendRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  append(argument: _factstore_v1_AppendRequest, callback: grpc.requestCallback<_factstore_v1_AppendResponse__Output>): grpc.ClientUnaryCall;
  
  AppendStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamResponse__Output>;
  AppendStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamResponse__Output>;
  appendStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamResponse__Output>;
  appendStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamResponse__Output>;
  
  GetProducer(argument: _factstore_v1_GetProducerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  GetProducer(argument: _factstore_v1_GetProducerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  GetProducer(argument: _factstore_v1_GetProducerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  GetProducer(argument: _factstore_v1_GetProducerRequest, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  getProducer(argument: _factstore_v1_GetProducerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  getProducer(argument: _factstore_v1_GetProducerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  getProducer(argument: _factstore_v1_GetProducerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  getProducer(argument: _factstore_v1_GetProducerRequest, callback: grpc.requestCallback<_factstore_v1_GetProducerResponse__Output>): grpc.ClientUnaryCall;
  
  Head(argument: _factstore_v1_HeadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  Head(argument: _factstore_v1_HeadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  Head(argument: _factstore_v1_HeadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  Head(argument: _factstore_v1_HeadRequest, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  head(argument: _factstore_v1_HeadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  head(argument: _factstore_v1_HeadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  head(argument: _factstore_v1_HeadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  head(argument: _factstore_v1_HeadRequest, callback: grpc.requestCallback<_factstore_v1_HeadResponse__Output>): grpc.ClientUnaryCall;
  
  Read(argument: _factstore_v1_ReadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_ReadResponse__Output>;
  Read(argument: _factstore_v1_ReadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_ReadResponse__Output>;
  read(argument: _factstore_v1_ReadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_ReadResponse__Output>;
  read(argument: _factstore_v1_ReadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_ReadResponse__Output>;
  
  Subscribe(argument: _factstore_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_SubscribeResponse__Output>;
  Subscribe(argument: _factstore_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_SubscribeResponse__Output>;
  subscribe(argument: _factstore_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_SubscribeResponse__Output>;
  subscribe(argument: _factstore_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_factstore_v1_SubscribeResponse__Output>;
  
}

export interface EventsHandlers extends grpc.UntypedServiceImplementation {
  Append: grpc.handleUnaryCall<_factstore_v1_AppendRequest__Output, _factstore_v1_AppendResponse>;
  
  AppendStream: grpc.handleBidiStreamingCall<_factstore_v1_AppendStreamRequest__Output, _factstore_v1_AppendStreamResponse>;
  
  GetProducer: grpc.handleUnaryCall<_factstore_v1_GetProducerRequest__Output, _factstore_v1_GetProducerResponse>;
  
  Head: grpc.handleUnaryCall<_factstore_v1_HeadRequest__Output, _factstore_v1_HeadResponse>;
  
  Read: grpc.handleServerStreamingCall<_factstore_v1_ReadRequest__Output, _factstore_v1_ReadResponse>;
  
  Subscribe: grpc.handleServerStreamingCall<_factstore_v1_SubscribeRequest__Output, _factstore_v1_SubscribeResponse>;
  
}

export interface EventsDefinition extends grpc.ServiceDefinition {
  Append: MethodDefinition<_factstore_v1_AppendRequest, _factstore_v1_AppendResponse, _factstore_v1_AppendRequest__Output, _factstore_v1_AppendResponse__Output>
  AppendStream: MethodDefinition<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamResponse, _factstore_v1_AppendStreamRequest__Output, _factstore_v1_AppendStreamResponse__Output>
  GetProducer: MethodDefinition<_factstore_v1_GetProducerRequest, _factstore_v1_GetProducerResponse, _factstore_v1_GetProducerRequest__Output, _factstore_v1_GetProducerResponse__Output>
  Head: MethodDefinition<_factstore_v1_HeadRequest, _factstore_v1_HeadResponse, _factstore_v1_HeadRequest__Output, _factstore_v1_HeadResponse__Output>
  Read: MethodDefinition<_factstore_v1_ReadRequest, _factstore_v1_ReadResponse, _factstore_v1_ReadRequest__Output, _factstore_v1_ReadResponse__Output>
  Subscribe: MethodDefinition<_factstore_v1_SubscribeRequest, _factstore_v1_SubscribeResponse, _factstore_v1_SubscribeRequest__Output, _factstore_v1_SubscribeResponse__Output>
}
