import { FactstoreError } from '../base/errors.ts';
import { type DecodedAppend, decodeAppendRequest } from './append-request.ts';
import { type AppendOutcome, decodeAppendResponse } from './append-response.ts';
import {
  type AppendStreamRequest,
  type AppendStreamResponse,
  type Batch,
  decodeAppendStreamRequests,
  decodeAppendStreamResponses,
} from './append-stream.ts';
import {
  decodeGetProducerRequest,
  decodeGetProducerResponse,
  decodeGetStreamRequest,
  decodeGetStreamResponse,
  decodeHeadRequest,
  decodeHeadResponse,
} from './lookups.ts';
import { decodeReadRequest, decodeReadResponse } from './read.ts';
import { decodeListStreamsRequest, decodeListStreamsResponse } from './stream-list.ts';
import { decodeSubscribeRequest, decodeSubscribeResponse } from './subscribe.ts';

/**
 * What a handler receives: the decoded request, or the error that it must answer with. Were it thrown inside the
 * deserializer, grpc-js would answer INTERNAL with a text of its own.
 */
export type Received<T> = T | FactstoreError;

/**
 * A method whose messages are encoded before they reach grpc-js (`encode…` of this folder) and decoded by grpc-js.
 * Fits `grpc.Server.addService` and `grpc.makeGenericClientConstructor`.
 */
export interface WireMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (bytes: Uint8Array) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Received<Request>;
  readonly responseSerialize: (bytes: Uint8Array) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
  readonly originalName: string;
}

function method<Request, Response>(
  service: string,
  name: string,
  shape: { requestStream?: boolean; responseStream?: boolean },
  decodeRequest: (bytes: Uint8Array) => Request,
  decodeResponse: (bytes: Uint8Array) => Response,
): WireMethod<Request, Response> {
  return {
    path: `/factstore.v1.${service}/${name}`,
    requestStream: shape.requestStream ?? false,
    responseStream: shape.responseStream ?? false,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => {
      try {
        return decodeRequest(bytes);
      } catch (error) {
        if (error instanceof FactstoreError) return error;
        throw error;
      }
    },
    responseSerialize: asBuffer,
    responseDeserialize: decodeResponse,
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const streamed = { responseStream: true };

/** factstore.v1.Events */
export const eventsService = {
  Append: method<DecodedAppend, AppendOutcome>('Events', 'Append', {}, decodeAppendRequest, decodeAppendResponse),
  AppendStream: method<Batch<AppendStreamRequest>, Batch<AppendStreamResponse>>(
    'Events',
    'AppendStream',
    { requestStream: true, responseStream: true },
    decodeAppendStreamRequests,
    decodeAppendStreamResponses,
  ),
  Read: method('Events', 'Read', streamed, decodeReadRequest, decodeReadResponse),
  Subscribe: method('Events', 'Subscribe', streamed, decodeSubscribeRequest, decodeSubscribeResponse),
  Head: method('Events', 'Head', {}, decodeHeadRequest, decodeHeadResponse),
  GetProducer: method('Events', 'GetProducer', {}, decodeGetProducerRequest, decodeGetProducerResponse),
};

/** factstore.v1.Streams */
export const streamsService = {
  Get: method('Streams', 'Get', {}, decodeGetStreamRequest, decodeGetStreamResponse),
  List: method('Streams', 'List', {}, decodeListStreamsRequest, decodeListStreamsResponse),
};
