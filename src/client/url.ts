import { invalid } from '../base/errors.ts';

const DEFAULT_PORT = 2113;
const SCHEME = 'factstore://';
const EXAMPLE = 'for example factstore://127.0.0.1:2113 or factstore://a:2113,b:2113,c:2113';

/**
 * The addresses (host:port) in a URL such as `factstore://a:2113,b:2113`. The port is 2113 unless given. Ends in
 * INVALID_ARGUMENT where it is not such a URL.
 */
export function parseUrl(url: string): string[] {
  if (typeof url !== 'string' || !url.startsWith(SCHEME)) {
    throw invalid('url', `${JSON.stringify(url)} does not begin with ${SCHEME}; ${EXAMPLE}`);
  }
  const hosts = url.slice(SCHEME.length).replace(/\/$/, '').split(',');
  return [...new Set(hosts.map((host) => parseAddress(host, url)))];
}

function parseAddress(text: string, url: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text.trim());
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (!match || port < 1 || port > 65_535) {
    throw invalid('url', `${JSON.stringify(text)} in ${JSON.stringify(url)} is not host:port; ${EXAMPLE}`);
  }
  return `${match[1]}:${port}`;
}
