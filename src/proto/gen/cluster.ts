import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ChangeMembersRequest as _factstore_v1_ChangeMembersRequest, ChangeMembersRequest__Output as _factstore_v1_ChangeMembersRequest__Output } from './factstore/v1/ChangeMembersRequest.ts';
import type { ChangeMembersResponse as _factstore_v1_ChangeMembersResponse, ChangeMembersResponse__Output as _factstore_v1_ChangeMembersResponse__Output } from './factstore/v1/ChangeMembersResponse.ts';
import type { ClusterClient as _factstore_v1_ClusterClient, ClusterDefinition as _factstore_v1_ClusterDefinition } from './factstore/v1/Cluster.ts';
import type { Member as _factstore_v1_Member, Member__Output as _factstore_v1_Member__Output } from './factstore/v1/Member.ts';
import type { Move as _factstore_v1_Move, Move__Output as _factstore_v1_Move__Output } from './factstore/v1/Move.ts';
import type { RaiseFeatureLevelRequest as _factstore_v1_RaiseFeatureLevelRequest, RaiseFeatureLevelRequest__Output as _factstore_v1_RaiseFeatureLevelRequest__Output } from './factstore/v1/RaiseFeatureLevelRequest.ts';
import type { RaiseFeatureLevelResponse as _factstore_v1_RaiseFeatureLevelResponse, RaiseFeatureLevelResponse__Output as _factstore_v1_RaiseFeatureLevelResponse__Output } from './factstore/v1/RaiseFeatureLevelResponse.ts';
import type { Replacement as _factstore_v1_Replacement, Replacement__Output as _factstore_v1_Replacement__Output } from './factstore/v1/Replacement.ts';
import type { StatusRequest as _factstore_v1_StatusRequest, StatusRequest__Output as _factstore_v1_StatusRequest__Output } from './factstore/v1/StatusRequest.ts';
import type { StatusResponse as _factstore_v1_StatusResponse, StatusResponse__Output as _factstore_v1_StatusResponse__Output } from './factstore/v1/StatusResponse.ts';
import type { TransferLeadershipRequest as _factstore_v1_TransferLeadershipRequest, TransferLeadershipRequest__Output as _factstore_v1_TransferLeadershipRequest__Output } from './factstore/v1/TransferLeadershipRequest.ts';
import type { TransferLeadershipResponse as _factstore_v1_TransferLeadershipResponse, TransferLeadershipResponse__Output as _factstore_v1_TransferLeadershipResponse__Output } from './factstore/v1/TransferLeadershipResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  factstore: {
    v1: {
      ChangeMembersRequest: MessageTypeDefinition<_factstore_v1_ChangeMembersRequest, _factstore_v1_ChangeMembersRequest__Output>
      ChangeMembersResponse: MessageTypeDefinition<_factstore_v1_ChangeMembersResponse, _factstore_v1_ChangeMembersResponse__Output>
      Cluster: SubtypeConstructor<typeof grpc.Client, _factstore_v1_ClusterClient> & { service: _factstore_v1_ClusterDefinition }
      Member: MessageTypeDefinition<_factstore_v1_Member, _factstore_v1_Member__Output>
      Move: MessageTypeDefinition<_factstore_v1_Move, _factstore_v1_Move__Output>
      RaiseFeatureLevelRequest: MessageTypeDefinition<_factstore_v1_RaiseFeatureLevelRequest, _factstore_v1_RaiseFeatureLevelRequest__Output>
      RaiseFeatureLevelResponse: MessageTypeDefinition<_factstore_v1_RaiseFeatureLevelResponse, _factstore_v1_RaiseFeatureLevelResponse__Output>
      Replacement: MessageTypeDefinition<_factstore_v1_Replacement, _factstore_v1_Replacement__Output>
      Role: EnumTypeDefinition
      StatusRequest: MessageTypeDefinition<_factstore_v1_StatusRequest, _factstore_v1_StatusRequest__Output>
      StatusResponse: MessageTypeDefinition<_factstore_v1_StatusResponse, _factstore_v1_StatusResponse__Output>
      TransferLeadershipRequest: MessageTypeDefinition<_factstore_v1_TransferLeadershipRequest, _factstore_v1_TransferLeadershipRequest__Output>
      TransferLeadershipResponse: MessageTypeDefinition<_factstore_v1_TransferLeadershipResponse, _factstore_v1_TransferLeadershipResponse__Output>
    }
  }
}

