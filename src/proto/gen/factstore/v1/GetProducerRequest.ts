// Original file: proto/factstore/v1/events.proto


export interface GetProducerRequest {
  'producer'?: (string);
}

export interface GetProducerRequest__Output {
  'producer': (string);
}
