// grpc-js with nothing behind it, as a process of its own: answers each message with as little as factstore answers an
// append, and streams messages that it has read from a file. Says its port on standard output.
import { readFileSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const asIs = (bytes) => bytes;
const method = (name, requestStream, responseStream) => ({
  path: `/echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const answer = Buffer.alloc(32, 1);

const files = new Map();

/** Messages, each behind its length in four bytes. */
function messagesOf(path) {
  const known = files.get(path);
  if (known) return known;
  const file = readFileSync(path);
  const messages = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32BE(at);
    messages.push(file.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  files.set(path, messages);
  return messages;
}

const server = new Server({ 'grpc-node.flow_control_window': 1 << 20, 'grpc.max_receive_message_length': 64 << 20 });
server.addService(
  { unary: method('unary', false, false), stream: method('stream', true, true), file: method('file', false, true) },
  {
    unary: (_call, done) => done(null, answer),
    stream: (call) => {
      call.on('data', () => call.write(answer));
      call.on('end', () => call.end());
    },
    file: (call) => {
      const messages = messagesOf(call.request.toString());
      let at = 0;
      const go = () => {
        while (at < messages.length) if (!call.write(messages[at++])) return call.once('drain', go);
        call.end();
      };
      go();
    },
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
