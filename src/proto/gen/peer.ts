import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Acknowledged as _factstore_peer_v1_Acknowledged, Acknowledged__Output as _factstore_peer_v1_Acknowledged__Output } from './factstore/peer/v1/Acknowledged.ts';
import type { Ancestor as _factstore_peer_v1_Ancestor, Ancestor__Output as _factstore_peer_v1_Ancestor__Output } from './factstore/peer/v1/Ancestor.ts';
import type { DigestsQuestion as _factstore_peer_v1_DigestsQuestion, DigestsQuestion__Output as _factstore_peer_v1_DigestsQuestion__Output } from './factstore/peer/v1/DigestsQuestion.ts';
import type { DigestsRequest as _factstore_peer_v1_DigestsRequest, DigestsRequest__Output as _factstore_peer_v1_DigestsRequest__Output } from './factstore/peer/v1/DigestsRequest.ts';
import type { DigestsResponse as _factstore_peer_v1_DigestsResponse, DigestsResponse__Output as _factstore_peer_v1_DigestsResponse__Output } from './factstore/peer/v1/DigestsResponse.ts';
import type { EntriesRequest as _factstore_peer_v1_EntriesRequest, EntriesRequest__Output as _factstore_peer_v1_EntriesRequest__Output } from './factstore/peer/v1/EntriesRequest.ts';
import type { EntriesResponse as _factstore_peer_v1_EntriesResponse, EntriesResponse__Output as _factstore_peer_v1_EntriesResponse__Output } from './factstore/peer/v1/EntriesResponse.ts';
import type { ForwardRequest as _factstore_peer_v1_ForwardRequest, ForwardRequest__Output as _factstore_peer_v1_ForwardRequest__Output } from './factstore/peer/v1/ForwardRequest.ts';
import type { ForwardResponse as _factstore_peer_v1_ForwardResponse, ForwardResponse__Output as _factstore_peer_v1_ForwardResponse__Output } from './factstore/peer/v1/ForwardResponse.ts';
import type { FoundRequest as _factstore_peer_v1_FoundRequest, FoundRequest__Output as _factstore_peer_v1_FoundRequest__Output } from './factstore/peer/v1/FoundRequest.ts';
import type { FoundResponse as _factstore_peer_v1_FoundResponse, FoundResponse__Output as _factstore_peer_v1_FoundResponse__Output } from './factstore/peer/v1/FoundResponse.ts';
import type { FoundingMember as _factstore_peer_v1_FoundingMember, FoundingMember__Output as _factstore_peer_v1_FoundingMember__Output } from './factstore/peer/v1/FoundingMember.ts';
import type { FoundingRecord as _factstore_peer_v1_FoundingRecord, FoundingRecord__Output as _factstore_peer_v1_FoundingRecord__Output } from './factstore/peer/v1/FoundingRecord.ts';
import type { Greeting as _factstore_peer_v1_Greeting, Greeting__Output as _factstore_peer_v1_Greeting__Output } from './factstore/peer/v1/Greeting.ts';
import type { IdentifyRequest as _factstore_peer_v1_IdentifyRequest, IdentifyRequest__Output as _factstore_peer_v1_IdentifyRequest__Output } from './factstore/peer/v1/IdentifyRequest.ts';
import type { IdentifyResponse as _factstore_peer_v1_IdentifyResponse, IdentifyResponse__Output as _factstore_peer_v1_IdentifyResponse__Output } from './factstore/peer/v1/IdentifyResponse.ts';
import type { JoinRequest as _factstore_peer_v1_JoinRequest, JoinRequest__Output as _factstore_peer_v1_JoinRequest__Output } from './factstore/peer/v1/JoinRequest.ts';
import type { JoinResponse as _factstore_peer_v1_JoinResponse, JoinResponse__Output as _factstore_peer_v1_JoinResponse__Output } from './factstore/peer/v1/JoinResponse.ts';
import type { Lineage as _factstore_peer_v1_Lineage, Lineage__Output as _factstore_peer_v1_Lineage__Output } from './factstore/peer/v1/Lineage.ts';
import type { MemberClock as _factstore_peer_v1_MemberClock, MemberClock__Output as _factstore_peer_v1_MemberClock__Output } from './factstore/peer/v1/MemberClock.ts';
import type { Membership as _factstore_peer_v1_Membership, Membership__Output as _factstore_peer_v1_Membership__Output } from './factstore/peer/v1/Membership.ts';
import type { MembershipMember as _factstore_peer_v1_MembershipMember, MembershipMember__Output as _factstore_peer_v1_MembershipMember__Output } from './factstore/peer/v1/MembershipMember.ts';
import type { Part as _factstore_peer_v1_Part, Part__Output as _factstore_peer_v1_Part__Output } from './factstore/peer/v1/Part.ts';
import type { PeerClient as _factstore_peer_v1_PeerClient, PeerDefinition as _factstore_peer_v1_PeerDefinition } from './factstore/peer/v1/Peer.ts';
import type { PeerMessage as _factstore_peer_v1_PeerMessage, PeerMessage__Output as _factstore_peer_v1_PeerMessage__Output } from './factstore/peer/v1/PeerMessage.ts';
import type { RaftMessage as _factstore_peer_v1_RaftMessage, RaftMessage__Output as _factstore_peer_v1_RaftMessage__Output } from './factstore/peer/v1/RaftMessage.ts';
import type { SpanDigest as _factstore_peer_v1_SpanDigest, SpanDigest__Output as _factstore_peer_v1_SpanDigest__Output } from './factstore/peer/v1/SpanDigest.ts';
import type { StatePiece as _factstore_peer_v1_StatePiece, StatePiece__Output as _factstore_peer_v1_StatePiece__Output } from './factstore/peer/v1/StatePiece.ts';
import type { StateRequest as _factstore_peer_v1_StateRequest, StateRequest__Output as _factstore_peer_v1_StateRequest__Output } from './factstore/peer/v1/StateRequest.ts';
import type { StateRow as _factstore_peer_v1_StateRow, StateRow__Output as _factstore_peer_v1_StateRow__Output } from './factstore/peer/v1/StateRow.ts';
import type { AppendBegin as _factstore_v1_AppendBegin, AppendBegin__Output as _factstore_v1_AppendBegin__Output } from './factstore/v1/AppendBegin.ts';
import type { AppendCondition as _factstore_v1_AppendCondition, AppendCondition__Output as _factstore_v1_AppendCondition__Output } from './factstore/v1/AppendCondition.ts';
import type { AppendRequest as _factstore_v1_AppendRequest, AppendRequest__Output as _factstore_v1_AppendRequest__Output } from './factstore/v1/AppendRequest.ts';
import type { AppendResponse as _factstore_v1_AppendResponse, AppendResponse__Output as _factstore_v1_AppendResponse__Output } from './factstore/v1/AppendResponse.ts';
import type { AppendRun as _factstore_v1_AppendRun, AppendRun__Output as _factstore_v1_AppendRun__Output } from './factstore/v1/AppendRun.ts';
import type { AppendStreamRequest as _factstore_v1_AppendStreamRequest, AppendStreamRequest__Output as _factstore_v1_AppendStreamRequest__Output } from './factstore/v1/AppendStreamRequest.ts';
import type { AppendStreamResponse as _factstore_v1_AppendStreamResponse, AppendStreamResponse__Output as _factstore_v1_AppendStreamResponse__Output } from './factstore/v1/AppendStreamResponse.ts';
import type { Appended as _factstore_v1_Appended, Appended__Output as _factstore_v1_Appended__Output } from './factstore/v1/Appended.ts';
import type { CaughtUp as _factstore_v1_CaughtUp, CaughtUp__Output as _factstore_v1_CaughtUp__Output } from './factstore/v1/CaughtUp.ts';
import type { Conflict as _factstore_v1_Conflict, Conflict__Output as _factstore_v1_Conflict__Output } from './factstore/v1/Conflict.ts';
import type { Consistency as _factstore_v1_Consistency, Consistency__Output as _factstore_v1_Consistency__Output } from './factstore/v1/Consistency.ts';
import type { ErrorDetail as _factstore_v1_ErrorDetail, ErrorDetail__Output as _factstore_v1_ErrorDetail__Output } from './factstore/v1/ErrorDetail.ts';
import type { EventsClient as _factstore_v1_EventsClient, EventsDefinition as _factstore_v1_EventsDefinition } from './factstore/v1/Events.ts';
import type { FailedCheck as _factstore_v1_FailedCheck, FailedCheck__Output as _factstore_v1_FailedCheck__Output } from './factstore/v1/FailedCheck.ts';
import type { FailedCondition as _factstore_v1_FailedCondition, FailedCondition__Output as _factstore_v1_FailedCondition__Output } from './factstore/v1/FailedCondition.ts';
import type { FollowedLink as _factstore_v1_FollowedLink, FollowedLink__Output as _factstore_v1_FollowedLink__Output } from './factstore/v1/FollowedLink.ts';
import type { GetProducerRequest as _factstore_v1_GetProducerRequest, GetProducerRequest__Output as _factstore_v1_GetProducerRequest__Output } from './factstore/v1/GetProducerRequest.ts';
import type { GetProducerResponse as _factstore_v1_GetProducerResponse, GetProducerResponse__Output as _factstore_v1_GetProducerResponse__Output } from './factstore/v1/GetProducerResponse.ts';
import type { HeadRequest as _factstore_v1_HeadRequest, HeadRequest__Output as _factstore_v1_HeadRequest__Output } from './factstore/v1/HeadRequest.ts';
import type { HeadResponse as _factstore_v1_HeadResponse, HeadResponse__Output as _factstore_v1_HeadResponse__Output } from './factstore/v1/HeadResponse.ts';
import type { NewEvent as _factstore_v1_NewEvent, NewEvent__Output as _factstore_v1_NewEvent__Output } from './factstore/v1/NewEvent.ts';
import type { ProducerCursor as _factstore_v1_ProducerCursor, ProducerCursor__Output as _factstore_v1_ProducerCursor__Output } from './factstore/v1/ProducerCursor.ts';
import type { ProjectionFact as _factstore_v1_ProjectionFact, ProjectionFact__Output as _factstore_v1_ProjectionFact__Output } from './factstore/v1/ProjectionFact.ts';
import type { Query as _factstore_v1_Query, Query__Output as _factstore_v1_Query__Output } from './factstore/v1/Query.ts';
import type { QueryItem as _factstore_v1_QueryItem, QueryItem__Output as _factstore_v1_QueryItem__Output } from './factstore/v1/QueryItem.ts';
import type { ReadRequest as _factstore_v1_ReadRequest, ReadRequest__Output as _factstore_v1_ReadRequest__Output } from './factstore/v1/ReadRequest.ts';
import type { ReadResponse as _factstore_v1_ReadResponse, ReadResponse__Output as _factstore_v1_ReadResponse__Output } from './factstore/v1/ReadResponse.ts';
import type { ReadStart as _factstore_v1_ReadStart, ReadStart__Output as _factstore_v1_ReadStart__Output } from './factstore/v1/ReadStart.ts';
import type { RecordedEvent as _factstore_v1_RecordedEvent, RecordedEvent__Output as _factstore_v1_RecordedEvent__Output } from './factstore/v1/RecordedEvent.ts';
import type { RevisionRange as _factstore_v1_RevisionRange, RevisionRange__Output as _factstore_v1_RevisionRange__Output } from './factstore/v1/RevisionRange.ts';
import type { StreamChange as _factstore_v1_StreamChange, StreamChange__Output as _factstore_v1_StreamChange__Output } from './factstore/v1/StreamChange.ts';
import type { StreamMetadata as _factstore_v1_StreamMetadata, StreamMetadata__Output as _factstore_v1_StreamMetadata__Output } from './factstore/v1/StreamMetadata.ts';
import type { SubscribeRequest as _factstore_v1_SubscribeRequest, SubscribeRequest__Output as _factstore_v1_SubscribeRequest__Output } from './factstore/v1/SubscribeRequest.ts';
import type { SubscribeResponse as _factstore_v1_SubscribeResponse, SubscribeResponse__Output as _factstore_v1_SubscribeResponse__Output } from './factstore/v1/SubscribeResponse.ts';
import type { Write as _factstore_v1_Write, Write__Output as _factstore_v1_Write__Output } from './factstore/v1/Write.ts';
import type { WriteResult as _factstore_v1_WriteResult, WriteResult__Output as _factstore_v1_WriteResult__Output } from './factstore/v1/WriteResult.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  factstore: {
    peer: {
      v1: {
        Acknowledged: MessageTypeDefinition<_factstore_peer_v1_Acknowledged, _factstore_peer_v1_Acknowledged__Output>
        Ancestor: MessageTypeDefinition<_factstore_peer_v1_Ancestor, _factstore_peer_v1_Ancestor__Output>
        DigestsQuestion: MessageTypeDefinition<_factstore_peer_v1_DigestsQuestion, _factstore_peer_v1_DigestsQuestion__Output>
        DigestsRequest: MessageTypeDefinition<_factstore_peer_v1_DigestsRequest, _factstore_peer_v1_DigestsRequest__Output>
        DigestsResponse: MessageTypeDefinition<_factstore_peer_v1_DigestsResponse, _factstore_peer_v1_DigestsResponse__Output>
        EntriesRequest: MessageTypeDefinition<_factstore_peer_v1_EntriesRequest, _factstore_peer_v1_EntriesRequest__Output>
        EntriesResponse: MessageTypeDefinition<_factstore_peer_v1_EntriesResponse, _factstore_peer_v1_EntriesResponse__Output>
        ForwardRequest: MessageTypeDefinition<_factstore_peer_v1_ForwardRequest, _factstore_peer_v1_ForwardRequest__Output>
        ForwardResponse: MessageTypeDefinition<_factstore_peer_v1_ForwardResponse, _factstore_peer_v1_ForwardResponse__Output>
        FoundRequest: MessageTypeDefinition<_factstore_peer_v1_FoundRequest, _factstore_peer_v1_FoundRequest__Output>
        FoundResponse: MessageTypeDefinition<_factstore_peer_v1_FoundResponse, _factstore_peer_v1_FoundResponse__Output>
        FoundingMember: MessageTypeDefinition<_factstore_peer_v1_FoundingMember, _factstore_peer_v1_FoundingMember__Output>
        FoundingRecord: MessageTypeDefinition<_factstore_peer_v1_FoundingRecord, _factstore_peer_v1_FoundingRecord__Output>
        Greeting: MessageTypeDefinition<_factstore_peer_v1_Greeting, _factstore_peer_v1_Greeting__Output>
        IdentifyRequest: MessageTypeDefinition<_factstore_peer_v1_IdentifyRequest, _factstore_peer_v1_IdentifyRequest__Output>
        IdentifyResponse: MessageTypeDefinition<_factstore_peer_v1_IdentifyResponse, _factstore_peer_v1_IdentifyResponse__Output>
        JoinRequest: MessageTypeDefinition<_factstore_peer_v1_JoinRequest, _factstore_peer_v1_JoinRequest__Output>
        JoinResponse: MessageTypeDefinition<_factstore_peer_v1_JoinResponse, _factstore_peer_v1_JoinResponse__Output>
        Lineage: MessageTypeDefinition<_factstore_peer_v1_Lineage, _factstore_peer_v1_Lineage__Output>
        MemberClock: MessageTypeDefinition<_factstore_peer_v1_MemberClock, _factstore_peer_v1_MemberClock__Output>
        Membership: MessageTypeDefinition<_factstore_peer_v1_Membership, _factstore_peer_v1_Membership__Output>
        MembershipMember: MessageTypeDefinition<_factstore_peer_v1_MembershipMember, _factstore_peer_v1_MembershipMember__Output>
        Part: MessageTypeDefinition<_factstore_peer_v1_Part, _factstore_peer_v1_Part__Output>
        Peer: SubtypeConstructor<typeof grpc.Client, _factstore_peer_v1_PeerClient> & { service: _factstore_peer_v1_PeerDefinition }
        PeerMessage: MessageTypeDefinition<_factstore_peer_v1_PeerMessage, _factstore_peer_v1_PeerMessage__Output>
        RaftMessage: MessageTypeDefinition<_factstore_peer_v1_RaftMessage, _factstore_peer_v1_RaftMessage__Output>
        RaftMessageType: EnumTypeDefinition
        SpanDigest: MessageTypeDefinition<_factstore_peer_v1_SpanDigest, _factstore_peer_v1_SpanDigest__Output>
        StatePiece: MessageTypeDefinition<_factstore_peer_v1_StatePiece, _factstore_peer_v1_StatePiece__Output>
        StateRequest: MessageTypeDefinition<_factstore_peer_v1_StateRequest, _factstore_peer_v1_StateRequest__Output>
        StateRow: MessageTypeDefinition<_factstore_peer_v1_StateRow, _factstore_peer_v1_StateRow__Output>
      }
    }
    v1: {
      AppendBegin: MessageTypeDefinition<_factstore_v1_AppendBegin, _factstore_v1_AppendBegin__Output>
      AppendCondition: MessageTypeDefinition<_factstore_v1_AppendCondition, _factstore_v1_AppendCondition__Output>
      AppendRequest: MessageTypeDefinition<_factstore_v1_AppendRequest, _factstore_v1_AppendRequest__Output>
      AppendResponse: MessageTypeDefinition<_factstore_v1_AppendResponse, _factstore_v1_AppendResponse__Output>
      AppendRun: MessageTypeDefinition<_factstore_v1_AppendRun, _factstore_v1_AppendRun__Output>
      AppendStreamRequest: MessageTypeDefinition<_factstore_v1_AppendStreamRequest, _factstore_v1_AppendStreamRequest__Output>
      AppendStreamResponse: MessageTypeDefinition<_factstore_v1_AppendStreamResponse, _factstore_v1_AppendStreamResponse__Output>
      Appended: MessageTypeDefinition<_factstore_v1_Appended, _factstore_v1_Appended__Output>
      CaughtUp: MessageTypeDefinition<_factstore_v1_CaughtUp, _factstore_v1_CaughtUp__Output>
      Conflict: MessageTypeDefinition<_factstore_v1_Conflict, _factstore_v1_Conflict__Output>
      Consistency: MessageTypeDefinition<_factstore_v1_Consistency, _factstore_v1_Consistency__Output>
      DeadLink: EnumTypeDefinition
      ErrorDetail: MessageTypeDefinition<_factstore_v1_ErrorDetail, _factstore_v1_ErrorDetail__Output>
      Events: SubtypeConstructor<typeof grpc.Client, _factstore_v1_EventsClient> & { service: _factstore_v1_EventsDefinition }
      Expect: EnumTypeDefinition
      FailedCheck: MessageTypeDefinition<_factstore_v1_FailedCheck, _factstore_v1_FailedCheck__Output>
      FailedCondition: MessageTypeDefinition<_factstore_v1_FailedCondition, _factstore_v1_FailedCondition__Output>
      FollowedLink: MessageTypeDefinition<_factstore_v1_FollowedLink, _factstore_v1_FollowedLink__Output>
      GetProducerRequest: MessageTypeDefinition<_factstore_v1_GetProducerRequest, _factstore_v1_GetProducerRequest__Output>
      GetProducerResponse: MessageTypeDefinition<_factstore_v1_GetProducerResponse, _factstore_v1_GetProducerResponse__Output>
      HeadRequest: MessageTypeDefinition<_factstore_v1_HeadRequest, _factstore_v1_HeadRequest__Output>
      HeadResponse: MessageTypeDefinition<_factstore_v1_HeadResponse, _factstore_v1_HeadResponse__Output>
      NewEvent: MessageTypeDefinition<_factstore_v1_NewEvent, _factstore_v1_NewEvent__Output>
      ProducerCursor: MessageTypeDefinition<_factstore_v1_ProducerCursor, _factstore_v1_ProducerCursor__Output>
      ProjectionFact: MessageTypeDefinition<_factstore_v1_ProjectionFact, _factstore_v1_ProjectionFact__Output>
      Query: MessageTypeDefinition<_factstore_v1_Query, _factstore_v1_Query__Output>
      QueryItem: MessageTypeDefinition<_factstore_v1_QueryItem, _factstore_v1_QueryItem__Output>
      ReadRequest: MessageTypeDefinition<_factstore_v1_ReadRequest, _factstore_v1_ReadRequest__Output>
      ReadResponse: MessageTypeDefinition<_factstore_v1_ReadResponse, _factstore_v1_ReadResponse__Output>
      ReadStart: MessageTypeDefinition<_factstore_v1_ReadStart, _factstore_v1_ReadStart__Output>
      RecordedEvent: MessageTypeDefinition<_factstore_v1_RecordedEvent, _factstore_v1_RecordedEvent__Output>
      Retry: EnumTypeDefinition
      RevisionRange: MessageTypeDefinition<_factstore_v1_RevisionRange, _factstore_v1_RevisionRange__Output>
      ScavengeWord: EnumTypeDefinition
      StreamChange: MessageTypeDefinition<_factstore_v1_StreamChange, _factstore_v1_StreamChange__Output>
      StreamMetadata: MessageTypeDefinition<_factstore_v1_StreamMetadata, _factstore_v1_StreamMetadata__Output>
      StreamState: EnumTypeDefinition
      SubscribeRequest: MessageTypeDefinition<_factstore_v1_SubscribeRequest, _factstore_v1_SubscribeRequest__Output>
      SubscribeResponse: MessageTypeDefinition<_factstore_v1_SubscribeResponse, _factstore_v1_SubscribeResponse__Output>
      Write: MessageTypeDefinition<_factstore_v1_Write, _factstore_v1_Write__Output>
      WriteResult: MessageTypeDefinition<_factstore_v1_WriteResult, _factstore_v1_WriteResult__Output>
    }
  }
}

