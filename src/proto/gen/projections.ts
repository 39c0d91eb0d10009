import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ChangeProjectionRequest as _factstore_v1_ChangeProjectionRequest, ChangeProjectionRequest__Output as _factstore_v1_ChangeProjectionRequest__Output } from './factstore/v1/ChangeProjectionRequest.ts';
import type { ChangeProjectionResponse as _factstore_v1_ChangeProjectionResponse, ChangeProjectionResponse__Output as _factstore_v1_ChangeProjectionResponse__Output } from './factstore/v1/ChangeProjectionResponse.ts';
import type { DefineProjectionRequest as _factstore_v1_DefineProjectionRequest, DefineProjectionRequest__Output as _factstore_v1_DefineProjectionRequest__Output } from './factstore/v1/DefineProjectionRequest.ts';
import type { GenerationStatus as _factstore_v1_GenerationStatus, GenerationStatus__Output as _factstore_v1_GenerationStatus__Output } from './factstore/v1/GenerationStatus.ts';
import type { GetProjectionRequest as _factstore_v1_GetProjectionRequest, GetProjectionRequest__Output as _factstore_v1_GetProjectionRequest__Output } from './factstore/v1/GetProjectionRequest.ts';
import type { ListProjectionsRequest as _factstore_v1_ListProjectionsRequest, ListProjectionsRequest__Output as _factstore_v1_ListProjectionsRequest__Output } from './factstore/v1/ListProjectionsRequest.ts';
import type { ListProjectionsResponse as _factstore_v1_ListProjectionsResponse, ListProjectionsResponse__Output as _factstore_v1_ListProjectionsResponse__Output } from './factstore/v1/ListProjectionsResponse.ts';
import type { ParkedEvent as _factstore_v1_ParkedEvent, ParkedEvent__Output as _factstore_v1_ParkedEvent__Output } from './factstore/v1/ParkedEvent.ts';
import type { PartitionState as _factstore_v1_PartitionState, PartitionState__Output as _factstore_v1_PartitionState__Output } from './factstore/v1/PartitionState.ts';
import type { PartitionsRequest as _factstore_v1_PartitionsRequest, PartitionsRequest__Output as _factstore_v1_PartitionsRequest__Output } from './factstore/v1/PartitionsRequest.ts';
import type { PartitionsResponse as _factstore_v1_PartitionsResponse, PartitionsResponse__Output as _factstore_v1_PartitionsResponse__Output } from './factstore/v1/PartitionsResponse.ts';
import type { ProjectionInfo as _factstore_v1_ProjectionInfo, ProjectionInfo__Output as _factstore_v1_ProjectionInfo__Output } from './factstore/v1/ProjectionInfo.ts';
import type { ProjectionsClient as _factstore_v1_ProjectionsClient, ProjectionsDefinition as _factstore_v1_ProjectionsDefinition } from './factstore/v1/Projections.ts';
import type { StateRequest as _factstore_v1_StateRequest, StateRequest__Output as _factstore_v1_StateRequest__Output } from './factstore/v1/StateRequest.ts';
import type { WatchProjectionRequest as _factstore_v1_WatchProjectionRequest, WatchProjectionRequest__Output as _factstore_v1_WatchProjectionRequest__Output } from './factstore/v1/WatchProjectionRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  factstore: {
    v1: {
      ChangeProjectionRequest: MessageTypeDefinition<_factstore_v1_ChangeProjectionRequest, _factstore_v1_ChangeProjectionRequest__Output>
      ChangeProjectionResponse: MessageTypeDefinition<_factstore_v1_ChangeProjectionResponse, _factstore_v1_ChangeProjectionResponse__Output>
      DefineProjectionRequest: MessageTypeDefinition<_factstore_v1_DefineProjectionRequest, _factstore_v1_DefineProjectionRequest__Output>
      ErrorPolicy: EnumTypeDefinition
      GenerationState: EnumTypeDefinition
      GenerationStatus: MessageTypeDefinition<_factstore_v1_GenerationStatus, _factstore_v1_GenerationStatus__Output>
      GetProjectionRequest: MessageTypeDefinition<_factstore_v1_GetProjectionRequest, _factstore_v1_GetProjectionRequest__Output>
      ListProjectionsRequest: MessageTypeDefinition<_factstore_v1_ListProjectionsRequest, _factstore_v1_ListProjectionsRequest__Output>
      ListProjectionsResponse: MessageTypeDefinition<_factstore_v1_ListProjectionsResponse, _factstore_v1_ListProjectionsResponse__Output>
      ParkedEvent: MessageTypeDefinition<_factstore_v1_ParkedEvent, _factstore_v1_ParkedEvent__Output>
      PartitionState: MessageTypeDefinition<_factstore_v1_PartitionState, _factstore_v1_PartitionState__Output>
      PartitionsRequest: MessageTypeDefinition<_factstore_v1_PartitionsRequest, _factstore_v1_PartitionsRequest__Output>
      PartitionsResponse: MessageTypeDefinition<_factstore_v1_PartitionsResponse, _factstore_v1_PartitionsResponse__Output>
      ProjectionAction: EnumTypeDefinition
      ProjectionInfo: MessageTypeDefinition<_factstore_v1_ProjectionInfo, _factstore_v1_ProjectionInfo__Output>
      Projections: SubtypeConstructor<typeof grpc.Client, _factstore_v1_ProjectionsClient> & { service: _factstore_v1_ProjectionsDefinition }
      StateRequest: MessageTypeDefinition<_factstore_v1_StateRequest, _factstore_v1_StateRequest__Output>
      WatchProjectionRequest: MessageTypeDefinition<_factstore_v1_WatchProjectionRequest, _factstore_v1_WatchProjectionRequest__Output>
    }
  }
}

