import type { IncomingMessage, ServerResponse } from 'node:http';

/** What plain HTTP finds on the client port. */
export interface HttpPorts {
  /** Why the node does not serve at the moment; undefined: it does. */
  notReady(): string | undefined;
  /** The metrics as Prometheus reads them. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

const PLAIN = 'text/plain; charset=utf-8';

/** Answers HTTP/1.1: health probes, metrics, and a sentence for whoever comes with a browser. */
export function httpHandler(ports: HttpPorts) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '/').split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answer(response, 405, 'Only GET and HEAD are answered here; everything else is gRPC.\n');
    }
    if (path === '/livez') return answer(response, 200, 'live\n');
    if (path === '/readyz') return ready(response, ports.notReady());
    if (path === '/metrics') return metrics(response, ports);
    answer(
      response,
      path === '/' ? 200 : 404,
      'This is a factstore node. It speaks gRPC on this port: try `factstore cluster status`, or grpcurl with reflection.\n' +
        'For machines there are /livez, /readyz and /metrics.\n',
    );
  };
}

function ready(response: ServerResponse, reason: string | undefined): void {
  if (reason === undefined) answer(response, 200, 'ready\n');
  else answer(response, 503, `not ready: ${reason}\n`);
}

function metrics(response: ServerResponse, ports: HttpPorts): void {
  ports.metrics().then(
    ({ contentType, text }) => answer(response, 200, text, contentType),
    (error: unknown) => answer(response, 500, `the metrics cannot be read: ${String(error)}\n`),
  );
}

function answer(response: ServerResponse, status: number, body: string, contentType = PLAIN): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
