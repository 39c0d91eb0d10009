/** The frames of HTTP/2 (RFC 9113 §4), for what no client library would send. */

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** What a client says first, with empty settings. */
export const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);

/** What begins a call of this path, with more to come. */
export function headers(stream: number, path: string, contentType = 'application/grpc'): Buffer {
  const fields = Object.entries({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'a',
    'content-type': contentType,
    te: 'trailers',
  });
  return frame(1, 4, stream, Buffer.concat(fields.map(([name, value]) => literal(name, value))));
}

/** In one packet: a new connection, a call on it, and the reset of that call with this code. */
export function callAndReset(path: string, contentType: string, code = 8): Buffer {
  return Buffer.concat([PREFACE, headers(1, path, contentType), frame(3, 0, 1, Buffer.from([0, 0, 0, code]))]);
}

/** What the answer to the ping of `invalidTrailers` ends with. */
export const PONG = Buffer.from('the pong');

/** A new connection with so many calls, each with trailers after which more is to come, which HTTP/2 does not allow; then a ping. */
export function invalidTrailers(calls: number): Buffer {
  const each = Array.from({ length: calls }, (_, n) => {
    const stream = 2 * n + 1;
    return Buffer.concat([headers(stream, '/nope'), frame(1, 4, stream, literal('x', 'y'))]);
  });
  return Buffer.concat([PREFACE, ...each, frame(6, 0, 0, PONG)]);
}
