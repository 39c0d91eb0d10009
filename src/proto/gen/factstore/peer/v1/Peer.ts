// Original file: proto/factstore/peer/v1/peer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DigestsRequest as _factstore_peer_v1_DigestsRequest, DigestsRequest__Output as _factstore_peer_v1_DigestsRequest__Output } from '../../../factstore/peer/v1/DigestsRequest.ts';
import type { DigestsResponse as _factstore_peer_v1_DigestsResponse, DigestsResponse__Output as _factstore_peer_v1_DigestsResponse__Output } from '../../../factstore/peer/v1/DigestsResponse.ts';
import type { EntriesRequest as _factstore_peer_v1_EntriesRequest, EntriesRequest__Output as _factstore_peer_v1_EntriesRequest__Output } from '../../../factstore/peer/v1/EntriesRequest.ts';
import type { EntriesResponse as _factstore_peer_v1_EntriesResponse, EntriesResponse__Output as _factstore_peer_v1_EntriesResponse__Output } from '../../../factstore/peer/v1/EntriesResponse.ts';
import type { ForwardRequest as _factstore_peer_v1_ForwardRequest, ForwardRequest__Output as _factstore_peer_v1_ForwardRequest__Output } from '../../../factstore/peer/v1/ForwardRequest.ts';
import type { ForwardResponse as _factstore_peer_v1_ForwardResponse, ForwardResponse__Output as _factstore_peer_v1_ForwardResponse__Output } from '../../../factstore/peer/v1/ForwardResponse.ts';
import type { FoundRequest as _factstore_peer_v1_FoundRequest, FoundRequest__Output as _factstore_peer_v1_FoundRequest__Output } from '../../../factstore/peer/v1/FoundRequest.ts';
import type { FoundResponse as _factstore_peer_v1_FoundResponse, FoundResponse__Output as _factstore_peer_v1_FoundResponse__Output } from '../../../factstore/peer/v1/FoundResponse.ts';
import type { IdentifyRequest as _factstore_peer_v1_IdentifyRequest, IdentifyRequest__Output as _factstore_peer_v1_IdentifyRequest__Output } from '../../../factstore/peer/v1/IdentifyRequest.ts';
import type { IdentifyResponse as _factstore_peer_v1_IdentifyResponse, IdentifyResponse__Output as _factstore_peer_v1_IdentifyResponse__Output } from '../../../factstore/peer/v1/IdentifyResponse.ts';
import type { JoinRequest as _factstore_peer_v1_JoinRequest, JoinRequest__Output as _factstore_peer_v1_JoinRequest__Output } from '../../../factstore/peer/v1/JoinRequest.ts';
import type { JoinResponse as _factstore_peer_v1_JoinResponse, JoinResponse__Output as _factstore_peer_v1_JoinResponse__Output } from '../../../factstore/peer/v1/JoinResponse.ts';
import type { PeerMessage as _factstore_peer_v1_PeerMessage, PeerMessage__Output as _factstore_peer_v1_PeerMessage__Output } from '../../../factstore/peer/v1/PeerMessage.ts';
import type { StatePiece as _factstore_peer_v1_StatePiece, StatePiece__Output as _factstore_peer_v1_StatePiece__Output } from '../../../factstore/peer/v1/StatePiece.ts';
import type { StateRequest as _factstore_peer_v1_StateRequest, StateRequest__Output as _factstore_peer_v1_StateRequest__Output } from '../../../factstore/peer/v1/StateRequest.ts';

export interface PeerClient extends grpc.Client {
  Entries(argument: _factstore_peer_v1_EntriesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  Entries(argument: _factstore_peer_v1_EntriesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  Entries(argument: _factstore_peer_v1_EntriesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  Entries(argument: _factstore_peer_v1_EntriesRequest, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  entries(argument: _factstore_peer_v1_EntriesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  entries(argument: _factstore_peer_v1_EntriesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  entries(argument: _factstore_peer_v1_EntriesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  entries(argument: _factstore_peer_v1_EntriesRequest, callback: grpc.requestCallback<_factstore_peer_v1_EntriesResponse__Output>): grpc.ClientUnaryCall;
  
  Forward(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardResponse__Output>;
  Forward(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardResponse__Output>;
  forward(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardResponse__Output>;
  forward(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardResponse__Output>;
  
  Found(argument: _factstore_peer_v1_FoundRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  Found(argument: _factstore_peer_v1_FoundRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  Found(argument: _factstore_peer_v1_FoundRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  Found(argument: _factstore_peer_v1_FoundRequest, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  found(argument: _factstore_peer_v1_FoundRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  found(argument: _factstore_peer_v1_FoundRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  found(argument: _factstore_peer_v1_FoundRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  found(argument: _factstore_peer_v1_FoundRequest, callback: grpc.requestCallback<_factstore_peer_v1_FoundResponse__Output>): grpc.ClientUnaryCall;
  
  Identify(argument: _factstore_peer_v1_IdentifyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  Identify(argument: _factstore_peer_v1_IdentifyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  Identify(argument: _factstore_peer_v1_IdentifyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  Identify(argument: _factstore_peer_v1_IdentifyRequest, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  identify(argument: _factstore_peer_v1_IdentifyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  identify(argument: _factstore_peer_v1_IdentifyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  identify(argument: _factstore_peer_v1_IdentifyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  identify(argument: _factstore_peer_v1_IdentifyRequest, callback: grpc.requestCallback<_factstore_peer_v1_IdentifyResponse__Output>): grpc.ClientUnaryCall;
  
  Join(argument: _factstore_peer_v1_JoinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _factstore_peer_v1_JoinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _factstore_peer_v1_JoinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  Join(argument: _factstore_peer_v1_JoinRequest, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _factstore_peer_v1_JoinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _factstore_peer_v1_JoinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _factstore_peer_v1_JoinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  join(argument: _factstore_peer_v1_JoinRequest, callback: grpc.requestCallback<_factstore_peer_v1_JoinResponse__Output>): grpc.ClientUnaryCall;
  
  Messages(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output>;
  Messages(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output>;
  messages(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output>;
  messages(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output>;
  
  State(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StatePiece__Output>;
  State(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StatePiece__Output>;
  state(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StatePiece__Output>;
  state(options?: grpc.CallOptions): grpc.ClientDuplexStream<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StatePiece__Output>;
  
  StateDigests(argument: _factstore_peer_v1_DigestsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  StateDigests(argument: _factstore_peer_v1_DigestsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  StateDigests(argument: _factstore_peer_v1_DigestsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  StateDigests(argument: _factstore_peer_v1_DigestsRequest, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  stateDigests(argument: _factstore_peer_v1_DigestsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  stateDigests(argument: _factstore_peer_v1_DigestsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  stateDigests(argument: _factstore_peer_v1_DigestsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  stateDigests(argument: _factstore_peer_v1_DigestsRequest, callback: grpc.requestCallback<_factstore_peer_v1_DigestsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface PeerHandlers extends grpc.UntypedServiceImplementation {
  Entries: grpc.handleUnaryCall<_factstore_peer_v1_EntriesRequest__Output, _factstore_peer_v1_EntriesResponse>;
  
  Forward: grpc.handleBidiStreamingCall<_factstore_peer_v1_ForwardRequest__Output, _factstore_peer_v1_ForwardResponse>;
  
  Found: grpc.handleUnaryCall<_factstore_peer_v1_FoundRequest__Output, _factstore_peer_v1_FoundResponse>;
  
  Identify: grpc.handleUnaryCall<_factstore_peer_v1_IdentifyRequest__Output, _factstore_peer_v1_IdentifyResponse>;
  
  Join: grpc.handleUnaryCall<_factstore_peer_v1_JoinRequest__Output, _factstore_peer_v1_JoinResponse>;
  
  Messages: grpc.handleBidiStreamingCall<_factstore_peer_v1_PeerMessage__Output, _factstore_peer_v1_PeerMessage>;
  
  State: grpc.handleBidiStreamingCall<_factstore_peer_v1_StateRequest__Output, _factstore_peer_v1_StatePiece>;
  
  StateDigests: grpc.handleUnaryCall<_factstore_peer_v1_DigestsRequest__Output, _factstore_peer_v1_DigestsResponse>;
  
}

export interface PeerDefinition extends grpc.ServiceDefinition {
  Entries: MethodDefinition<_factstore_peer_v1_EntriesRequest, _factstore_peer_v1_EntriesResponse, _factstore_peer_v1_EntriesRequest__Output, _factstore_peer_v1_EntriesResponse__Output>
  Forward: MethodDefinition<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardResponse, _factstore_peer_v1_ForwardRequest__Output, _factstore_peer_v1_ForwardResponse__Output>
  Found: MethodDefinition<_factstore_peer_v1_FoundRequest, _factstore_peer_v1_FoundResponse, _factstore_peer_v1_FoundRequest__Output, _factstore_peer_v1_FoundResponse__Output>
  Identify: MethodDefinition<_factstore_peer_v1_IdentifyRequest, _factstore_peer_v1_IdentifyResponse, _factstore_peer_v1_IdentifyRequest__Output, _factstore_peer_v1_IdentifyResponse__Output>
  Join: MethodDefinition<_factstore_peer_v1_JoinRequest, _factstore_peer_v1_JoinResponse, _factstore_peer_v1_JoinRequest__Output, _factstore_peer_v1_JoinResponse__Output>
  Messages: MethodDefinition<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output, _factstore_peer_v1_PeerMessage__Output>
  State: MethodDefinition<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StatePiece, _factstore_peer_v1_StateRequest__Output, _factstore_peer_v1_StatePiece__Output>
  StateDigests: MethodDefinition<_factstore_peer_v1_DigestsRequest, _factstore_peer_v1_DigestsResponse, _factstore_peer_v1_DigestsRequest__Output, _factstore_peer_v1_DigestsResponse__Output>
}
