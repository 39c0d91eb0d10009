import type { Server, ServerWritableStream } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { FactstoreError } from '../base/errors.ts';
import type { Received } from '../proto/services.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';
import { withShortRequests } from './short-requests.ts';
import { statusOf } from './status.ts';

export type Serving = 'SERVING' | 'NOT_SERVING';

interface Request {
  readonly service: string;
}
interface Answer {
  readonly status: Serving | 'SERVICE_UNKNOWN';
}
type Watch = ServerWritableStream<Received<Request>, Answer>;

/**
 * grpc.health.v1.Health for the names that there are. What clients ask for otherwise leaves nothing behind, and does not
 * come back to them: the service of grpc-health-check keeps every name that was ever watched, and its text for one that it
 * does not know is as long as the name, which a client of grpc-js does not survive (S12).
 */
export class Health {
  private readonly states: Map<string, Serving>;
  private readonly watchers: ReadonlyMap<string, Set<Watch>>;

  constructor(states: Readonly<Record<string, Serving>>) {
    this.states = new Map(Object.entries(states));
    this.watchers = new Map(Array.from(this.states.keys(), (name) => [name, new Set<Watch>()]));
  }

  /** Only names that were given at the beginning are told of. */
  set(name: string, status: Serving): void {
    this.states.set(name, status);
    for (const call of this.watchers.get(name) ?? []) call.write({ status });
  }

  addTo(grpc: Server, logger: Logger): void {
    grpc.addService(withShortRequests(service), {
      check: unary<Request, Answer>(logger, async ({ service }) => ({ status: this.stateOf(service) })),
      watch: (call: Watch) => this.watch(call, logger),
      list: unary(logger, async () => ({
        statuses: Object.fromEntries(Array.from(this.states, ([name, status]) => [name, { status }])),
      })),
    });
  }

  private stateOf(name: string): Serving {
    const status = this.states.get(name);
    if (status) return status;
    const known = [...this.states.keys()].filter((one) => one !== '').join(', ');
    throw new FactstoreError('NOT_FOUND', `there is no such service: ask for one of ${known}, or for none`);
  }

  /** As the protocol has it, a name that is not known (yet) is no error, and the call stays open. */
  private watch(call: Watch, logger: Logger): void {
    const { request } = call;
    if (request instanceof FactstoreError) return void call.emit('error', statusOf(request, logger));
    const watchers = this.watchers.get(request.service);
    watchers?.add(call);
    call.on('cancelled', () => watchers?.delete(call));
    call.write({ status: this.states.get(request.service) ?? 'SERVICE_UNKNOWN' });
  }
}
