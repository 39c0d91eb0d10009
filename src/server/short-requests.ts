import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';

/** The longest name that somebody may ask for, and a little more. */
const REQUEST_BYTES_MAX = 1024;

/**
 * A service of others that is asked by names. No name of ours is long, but one of 4 MiB would be kept as long as its call
 * is open: where a request is longer than any that makes sense, its handler receives the error to answer with.
 */
export function withShortRequests(
  service: ServiceDefinition<UntypedServiceImplementation>,
): ServiceDefinition<UntypedServiceImplementation> {
  const short = Object.entries(service).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer) =>
      bytes.length > REQUEST_BYTES_MAX ? tooLong(bytes.length) : method.requestDeserialize(bytes);
    return [name, { ...method, requestDeserialize }] as const;
  });
  return Object.fromEntries(short);
}

function tooLong(actual: number): FactstoreError {
  const text = `nothing here has so long a name: the request has ${actual} bytes, and none makes sense with more than ${REQUEST_BYTES_MAX}`;
  return new FactstoreError('NOT_FOUND', text, { limit: REQUEST_BYTES_MAX, actual });
}
