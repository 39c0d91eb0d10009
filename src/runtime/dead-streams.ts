import type { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

type OnStream = (stream: ServerHttp2Stream, headers: unknown, flags: number, rawHeaders: readonly string[]) => void;

/** The HTTP/2 servers within one of grpc-js, which keeps them in a private field; none where it is gone (tests would tell). */
export function http2ServersOf(server: Server): Iterable<EventEmitter> {
  return (server as unknown as { http2Servers?: Map<EventEmitter, unknown> }).http2Servers?.keys() ?? [];
}

/** Lets grpc-js see only the calls that pass. To be called once all connection injectors are made. */
export function filterStreams(
  server: Server,
  passes: (stream: ServerHttp2Stream, rawHeaders: readonly string[]) => boolean,
): void {
  for (const http2Server of http2ServersOf(server)) {
    const listeners = http2Server.listeners('stream') as OnStream[];
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', (...args: Parameters<OnStream>) => {
      const [stream, , , rawHeaders] = args;
      if (passes(stream, rawHeaders)) for (const listener of listeners) listener(...args);
    });
  }
}

/**
 * Keeps from grpc-js the calls that were over before it could see them. Where a call and its reset come in one packet,
 * HTTP/2 tells of the stream when it is closed already, and grpc-js answers what it does not know without a look: that
 * throws where nobody catches it, and the process ends. To be called once all connection injectors are made, and behind
 * other filters, which it keeps such calls from as well.
 */
export function skipDeadStreams(server: Server): void {
  filterStreams(server, (stream) => {
    if (!stream.destroyed && !stream.closed) return true;
    // A reset may still be told as an error, and grpc-js listens only to what it gets.
    stream.on('error', () => undefined);
    return false;
  });
}
