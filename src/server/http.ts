import type { IncomingMessage, ServerResponse } from 'node:http';

/** What plain HTTP finds on the client port. */
export interface HttpPorts {
  /** Why the node does not serve at the moment; undefined: it does. */
  notReady(): string | undefined;
}

/** Answers HTTP/1.1: health probes, and a sentence for whoever comes with a browser. */
export function httpHandler(ports: HttpPorts) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/livez') return text(response, 200, 'live\n');
    if (path === '/readyz') {
      const reason = ports.notReady();
      return text(
        response,
        reason === undefined ? 200 : 503,
        reason === undefined ? 'ready\n' : `not ready: ${reason}\n`,
      );
    }
    text(
      response,
      path === '/' ? 200 : 404,
      'This is a factstore node. It speaks gRPC on this port: try `factstore cluster status`, or grpcurl with reflection.\n',
    );
  };
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}
