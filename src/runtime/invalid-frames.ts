import type { Server } from '@grpc/grpc-js';
import { http2ServersOf } from './dead-streams.ts';

/** More than anybody sends in the life of a connection. */
const WITHOUT_BOUND = 0xff_ff_ff_ff;

/**
 * Lets HTTP/2 answer each invalid frame by ending its call alone, however many there are. Behind 1,000 of them Node ends
 * the connection while it is still reading: what it holds of invalid trailers then trips an assertion of its own at
 * the next collection of garbage, and the process ends (Node 20.20.2). To be called once all connection injectors are made.
 */
export function surviveInvalidFrames(server: Server): void {
  for (const http2Server of http2ServersOf(server)) {
    const options = Object.getOwnPropertySymbols(http2Server).find(({ description }) => description === 'options');
    // Private to Node: tests would tell where it is gone.
    if (options) Object.assign(Reflect.get(http2Server, options), { maxSessionInvalidFrames: WITHOUT_BOUND });
  }
}
