import { frame, headers, literal, PREFACE } from './raw-http2.ts';

/** What somebody says who means no good, n times over: a connection of HTTP/2 from its first byte. */
export interface HostileClient {
  readonly name: string;
  readonly frames: (count: number) => Buffer;
  /** It takes no answers. */
  readonly deaf?: true;
}

const HEADERS = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const HEAD = '/factstore.v1.Events/Head';
const STATUS = '/factstore.v1.Cluster/Status';
/** A message of gRPC without a field. */
const EMPTY_MESSAGE = Buffer.from([0, 0, 0, 0, 0]);

const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const setting = (id: number, value: number) => frame(4, 0, 0, Buffer.concat([Buffer.from([0, id]), number(value)]));
const repeated = (count: number, make: (stream: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, n) => make(2 * n + 1)));
const calls = (count: number, path: string, then: (stream: number) => Buffer) =>
  repeated(count, (stream) => Buffer.concat([headers(stream, path), then(stream)]));
const whole = (stream: number) => frame(0, END_STREAM, stream, EMPTY_MESSAGE);
const begun = (...parts: Buffer[]) => Buffer.concat([PREFACE, ...parts]);
const trailers = (flags: number, ...fields: Buffer[]) => {
  return (stream: number) => frame(HEADERS, flags, stream, Buffer.concat(fields));
};
const fields = (count: number) => repeated(count, (n) => literal(`x${n}`, 'y'));

export const HOSTILE_CLIENTS: readonly HostileClient[] = [
  { name: 'settings', frames: (n) => begun(repeated(n, () => setting(3, 100))) },
  { name: 'settings whose answers nobody takes', deaf: true, frames: (n) => begun(repeated(n, () => setting(3, 100))) },
  { name: 'windows that open and close', frames: (n) => begun(repeated(n, (s) => setting(4, s & 2))) },
  {
    name: 'pings whose answers nobody takes',
    deaf: true,
    frames: (n) => begun(repeated(n, () => frame(6, 0, 0, Buffer.alloc(8)))),
  },
  {
    name: 'headers without end',
    frames: (n) =>
      begun(
        frame(HEADERS, 0, 1, literal('x', 'y')),
        repeated(n, () => frame(9, 0, 1, literal('x', 'y'))),
      ),
  },
  {
    name: 'headers without end and content',
    frames: (n) =>
      begun(
        frame(HEADERS, 0, 1, literal('x', 'y')),
        repeated(n, () => frame(9, 0, 1)),
      ),
  },
  {
    name: 'a thousand fields',
    frames: (n) => begun(repeated(Math.ceil(n / 1000), (s) => frame(HEADERS, END_HEADERS, s, fields(1000)))),
  },
  { name: 'calls that are taken back', frames: (n) => begun(calls(n, HEAD, (s) => frame(3, 0, s, number(8)))) },
  {
    name: 'calls that the node has to take back',
    frames: (n) => begun(calls(n, HEAD, (s) => frame(8, 0, s, number(0)))),
  },
  {
    name: 'trailers after which more is to come',
    frames: (n) => begun(calls(n, HEAD, trailers(END_HEADERS, literal('x', 'y')))),
  },
  {
    name: 'trailers with what only a request has',
    frames: (n) => begun(calls(n, HEAD, trailers(END_HEADERS | END_STREAM, literal('x', 'y'), literal(':path', 'x')))),
  },
  {
    name: 'trailers that cannot be unpacked',
    frames: () => begun(calls(1, HEAD, trailers(END_HEADERS | END_STREAM, literal('x', 'y'), Buffer.alloc(4, 255)))),
  },
  { name: 'half of trailers', frames: () => begun(calls(1, HEAD, trailers(0, literal('x', 'y')))) },
  {
    name: 'priorities',
    frames: (n) => begun(repeated(n, (s) => frame(2, 0, s, Buffer.concat([number(0), Buffer.from([1])])))),
  },
  { name: 'a farewell, and then calls', frames: (n) => begun(frame(7, 0, 0, Buffer.alloc(8)), calls(n, HEAD, whole)) },
  {
    name: 'data without content',
    frames: (n) =>
      begun(
        headers(1, HEAD),
        repeated(n, () => frame(0, 0, 1)),
      ),
  },
  {
    name: 'data of padding alone',
    frames: (n) =>
      begun(
        headers(1, HEAD),
        repeated(n, () => frame(0, 8, 1, Buffer.from([0]))),
      ),
  },
  { name: 'a window that overflows', frames: () => begun(repeated(3, () => frame(8, 0, 0, number(0x7fff_ffff)))) },
  { name: 'a window of nothing, and calls', frames: (n) => begun(setting(4, 0), calls(n, STATUS, whole)) },
  { name: 'calls whose answers nobody takes', deaf: true, frames: (n) => begun(calls(n, STATUS, whole)) },
  {
    name: 'what is no frame that anybody knows',
    frames: (n) => begun(repeated(n, () => frame(0xee, 0xff, 1, Buffer.alloc(100)))),
  },
  {
    name: 'promises of a server',
    frames: () => begun(frame(5, END_HEADERS, 1, Buffer.concat([number(2), literal('x', 'y')]))),
  },
];
