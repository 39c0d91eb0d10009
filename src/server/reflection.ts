import { EventEmitter } from 'node:events';
import type { Server, ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { FactstoreError } from '../base/errors.ts';
import { clientPackage } from '../proto/load.ts';
import type { Received } from '../proto/services.ts';
import type { Logger } from '../runtime/logger.ts';
import { withShortRequests } from './short-requests.ts';
import { statusOf } from './status.ts';

type Call = ServerDuplexStream<Received<object>, object>;
type Handler = UntypedServiceImplementation[string];

/** Tells clients, in both versions of the protocol, what they may call. */
export function addReflection(grpc: Server, logger: Logger): void {
  new ReflectionService(clientPackage).addToServer({
    addService: (service, { ServerReflectionInfo }) =>
      grpc.addService(withShortRequests(service), {
        ServerReflectionInfo: (call: Call) => oneByOne(call, ServerReflectionInfo as Handler, logger),
      }),
  });
}

/**
 * Shows @grpc/reflection the next question only once the client has taken the answer to the last one. It answers all that
 * it sees at once, some hundred bytes with some ten thousand, and would keep the answers of clients that do not read.
 */
function oneByOne(call: Call, handler: Handler, logger: Logger): void {
  const shown = Object.assign(new EventEmitter(), {
    write: (answer: object) => call.write(answer, () => call.resume()),
    end: () => call.end(),
  });
  handler(shown as never, undefined as never);
  call.on('data', (question: Received<object>) => {
    call.pause();
    if (question instanceof FactstoreError) call.emit('error', statusOf(question, logger));
    else shown.emit('data', question);
  });
  call.on('end', () => shown.emit('end'));
}
