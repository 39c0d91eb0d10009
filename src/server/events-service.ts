import { FactstoreError } from '../base/errors.ts';
import type { Database } from '../database/database.ts';
import type { DecodedAppend } from '../proto/append-request.ts';
import {
  encodeGetProducerResponse,
  encodeHeadResponse,
  type GetProducerRequest,
  type HeadRequest,
} from '../proto/lookups.ts';
import { encodeReadResponse, type ReadRequest } from '../proto/read.ts';
import { encodeSubscribeResponse, type SubscribeRequest } from '../proto/subscribe.ts';
import { AnswerGroups } from './answer-groups.ts';
import type { AppendRoute } from './append-routing.ts';
import {
  type AppendStreamCall,
  type AppendStreamPorts,
  AppendStreamSession,
  type OpenSessions,
} from './append-stream.ts';
import { patienceMs, remainingMs, streaming, unary } from './calls.ts';
import { statusOf } from './status.ts';
import type { UntakenBudget } from './untaken.ts';

export interface EventsPorts extends AppendStreamPorts {
  /** Ends in NOT_READY until the node has joined its cluster. */
  database(): Database;
  /** The same; `patient`: of a call whose appends keep their order and wait for room. */
  openRoute(patient: boolean): AppendRoute;
}

/** factstore.v1.Events */
export function eventsHandlers(ports: EventsPorts, sessions: OpenSessions, untaken: UntakenBudget) {
  const { logger, clock } = ports;
  const database = () => ports.database();
  const answers = new AnswerGroups(clock);
  return {
    Append: unary<DecodedAppend, Uint8Array>(logger, async (request, _signal, call) => {
      const { budget } = ports;
      if (budget.exhausted) throw overloaded();
      budget.take(request.raw.length);
      try {
        const route = ports.openRoute(false);
        const answer = await route.append(request.raw, remainingMs(call.getDeadline(), clock.nowUs()));
        await answers.turn();
        return answer;
      } finally {
        budget.release(request.raw.length);
      }
    }),
    AppendStream: (call: AppendStreamCall) => {
      try {
        const route = ports.openRoute(true);
        new AppendStreamSession(call, route, ports, sessions);
      } catch (error) {
        call.emit('error', statusOf(error, logger));
      }
    },
    Read: streaming<ReadRequest>(logger, untaken, async function* (request, signal, call) {
      const waitMs = patienceMs(call, clock.nowUs());
      const { clusterId } = database();
      for await (const batch of database().read(request, signal, waitMs)) {
        const { start } = batch;
        yield encodeReadResponse(start ? { ...batch, start: { ...start, clusterId } } : batch);
      }
    }),
    Subscribe: streaming<SubscribeRequest>(logger, untaken, async function* (request, signal) {
      let clusterId: string | undefined = database().clusterId;
      for await (const batch of database().subscribe(request, signal)) {
        yield encodeSubscribeResponse({ ...batch, clusterId });
        clusterId = undefined;
      }
    }),
    Head: unary<HeadRequest, Uint8Array>(logger, async (request, signal, call) => {
      const waitMs = patienceMs(call, clock.nowUs());
      return encodeHeadResponse({ position: await database().head(request.consistency, signal(), waitMs) });
    }),
    GetProducer: unary<GetProducerRequest, Uint8Array>(logger, async (request, signal, call) => {
      const waitMs = patienceMs(call, clock.nowUs());
      return encodeGetProducerResponse(await database().producer(request.producer, signal(), waitMs));
    }),
  };
}

function overloaded(): FactstoreError {
  const text = 'this node holds as many bytes of open appends as unhandledBytesMax allows. Nothing was written.';
  return new FactstoreError('OVERLOADED', text);
}
