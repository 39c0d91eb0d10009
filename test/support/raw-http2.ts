/** The frames of HTTP/2 (RFC 9113 §4), for what no client library would send. */

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** What a client says first, with empty settings. */
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);

/** In one packet: a new connection, a call on it, and the reset of that call with this code. */
export function callAndReset(path: string, contentType: string, code = 8): Buffer {
  const fields = Object.entries({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'a',
    'content-type': contentType,
    te: 'trailers',
  });
  const headers = frame(1, 4, 1, Buffer.concat(fields.map(([name, value]) => literal(name, value))));
  return Buffer.concat([PREFACE, headers, frame(3, 0, 1, Buffer.from([0, 0, 0, code]))]);
}
