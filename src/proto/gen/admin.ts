import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AdminClient as _factstore_v1_AdminClient, AdminDefinition as _factstore_v1_AdminDefinition } from './factstore/v1/Admin.ts';
import type { ScavengeStatusRequest as _factstore_v1_ScavengeStatusRequest, ScavengeStatusRequest__Output as _factstore_v1_ScavengeStatusRequest__Output } from './factstore/v1/ScavengeStatusRequest.ts';
import type { ScavengeStatusResponse as _factstore_v1_ScavengeStatusResponse, ScavengeStatusResponse__Output as _factstore_v1_ScavengeStatusResponse__Output } from './factstore/v1/ScavengeStatusResponse.ts';
import type { StartScavengeRequest as _factstore_v1_StartScavengeRequest, StartScavengeRequest__Output as _factstore_v1_StartScavengeRequest__Output } from './factstore/v1/StartScavengeRequest.ts';
import type { StartScavengeResponse as _factstore_v1_StartScavengeResponse, StartScavengeResponse__Output as _factstore_v1_StartScavengeResponse__Output } from './factstore/v1/StartScavengeResponse.ts';
import type { StopScavengeRequest as _factstore_v1_StopScavengeRequest, StopScavengeRequest__Output as _factstore_v1_StopScavengeRequest__Output } from './factstore/v1/StopScavengeRequest.ts';
import type { StopScavengeResponse as _factstore_v1_StopScavengeResponse, StopScavengeResponse__Output as _factstore_v1_StopScavengeResponse__Output } from './factstore/v1/StopScavengeResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  factstore: {
    v1: {
      Admin: SubtypeConstructor<typeof grpc.Client, _factstore_v1_AdminClient> & { service: _factstore_v1_AdminDefinition }
      ScavengeState: EnumTypeDefinition
      ScavengeStatusRequest: MessageTypeDefinition<_factstore_v1_ScavengeStatusRequest, _factstore_v1_ScavengeStatusRequest__Output>
      ScavengeStatusResponse: MessageTypeDefinition<_factstore_v1_ScavengeStatusResponse, _factstore_v1_ScavengeStatusResponse__Output>
      StartScavengeRequest: MessageTypeDefinition<_factstore_v1_StartScavengeRequest, _factstore_v1_StartScavengeRequest__Output>
      StartScavengeResponse: MessageTypeDefinition<_factstore_v1_StartScavengeResponse, _factstore_v1_StartScavengeResponse__Output>
      StopScavengeRequest: MessageTypeDefinition<_factstore_v1_StopScavengeRequest, _factstore_v1_StopScavengeRequest__Output>
      StopScavengeResponse: MessageTypeDefinition<_factstore_v1_StopScavengeResponse, _factstore_v1_StopScavengeResponse__Output>
    }
  }
}

