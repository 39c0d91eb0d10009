import type { RequestListener } from 'node:http';
import { Server as GrpcServer, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { LIMITS } from '../model/limits.ts';
import { adminService, clusterService, projectionsService } from '../proto/load.ts';
import { eventsService, streamsService } from '../proto/services.ts';
import { logGrpc } from '../runtime/grpc-log.ts';
import { type AdminPorts, adminHandlers } from './admin-service.ts';
import type { OpenSessions } from './append-stream.ts';
import { type ClusterPorts, clusterHandlers } from './cluster-service.ts';
import { type EventsPorts, eventsHandlers } from './events-service.ts';
import { Health } from './health.ts';
import { Listener } from './listener.ts';
import { type NodeProjections, projectionsHandlers } from './projections-service.ts';
import { meterCalls, ReceiveLimit } from './receive-limit.ts';
import { addReflection } from './reflection.ts';
import { streamsHandlers } from './streams-service.ts';
import { countCalls } from './traffic.ts';
import { UntakenBudget } from './untaken.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly streamsPerConnectionMax: number;
  readonly openCallsMax: number;
  readonly unhandledBytesMax: number;
}

export interface ServerPorts extends EventsPorts {
  /** What answers HTTP/1.1 on the port. */
  readonly http: RequestListener;
  readonly cluster: ClusterPorts;
  readonly admin: AdminPorts;
  /** Ends in NOT_READY until the node has joined its cluster. */
  projections(): NodeProjections;
}

/** A message of AppendStream is a chunk and a few bytes; a unary one has the limit of DESIGN §9. */
const MESSAGE_BYTES_MAX = LIMITS.unaryBytesMax + 1024;
/** What health checks ask for (`''`: all of it): these serve while the node can serve … */
const SERVICES = ['', ...['Events', 'Streams', 'Projections', 'Admin'].map((name) => `factstore.v1.${name}`)];
/** … and this one as long as the node runs: it tells why the others do not. */
const ALWAYS = 'factstore.v1.Cluster';

/** The face of a node for its clients: gRPC, health, reflection, and HTTP/1.1 on the same port. */
export class Server {
  private readonly listener: Listener;
  private readonly health: Health;

  private readonly sessions: OpenSessions;
  private readonly received: ReceiveLimit;
  private serving = false;

  private constructor(listener: Listener, health: Health, sessions: OpenSessions, received: ReceiveLimit) {
    this.listener = listener;
    this.health = health;
    this.sessions = sessions;
    this.received = received;
  }

  static async start(ports: ServerPorts, options: ServerOptions): Promise<Server> {
    const { logger, clock, traffic } = ports;
    const { host, port, connectionsMax, openCallsMax } = options;
    logGrpc(logger);
    const sessions: OpenSessions = new Set();
    const untaken = new UntakenBudget();
    const received = new ReceiveLimit(options.unhandledBytesMax, logger);
    const grpc = new GrpcServer({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.streamsPerConnectionMax,
      // Nobody reads it, and it counts every message.
      'grpc.enable_channelz': 0,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      // The count comes first, so that it also sees the status with which the meter ends a call.
      interceptors: [
        countCalls(traffic, clock, { openCallsMax, connectionsMax, logger }),
        meterCalls(received, MESSAGE_BYTES_MAX, logger),
      ],
    });
    grpc.addService(eventsService, eventsHandlers(ports, sessions, untaken) as unknown as UntypedServiceImplementation);
    grpc.addService(
      streamsService,
      streamsHandlers(() => ports.database(), logger, clock) as unknown as UntypedServiceImplementation,
    );
    const projections = projectionsHandlers(() => ports.projections(), logger, clock, untaken);
    grpc.addService(projectionsService, projections as unknown as UntypedServiceImplementation);
    grpc.addService(clusterService, clusterHandlers(ports.cluster, logger) as unknown as UntypedServiceImplementation);
    grpc.addService(adminService, adminHandlers(ports.admin, logger) as unknown as UntypedServiceImplementation);
    const states = Object.fromEntries(SERVICES.map((name) => [name, 'NOT_SERVING'] as const));
    const health = new Health({ ...states, [ALWAYS]: 'SERVING' });
    health.addTo(grpc, logger);
    addReflection(grpc, logger);
    const listener = await Listener.open(grpc, ports.http, { host, port, connectionsMax, clock, traffic });
    return new Server(listener, health, sessions, received);
  }

  get port(): number {
    return this.listener.port;
  }

  /** Bytes of requests that have not arrived whole. */
  get incompleteBytes(): number {
    return this.received.used;
  }

  /** AppendStream calls that are open. */
  get appendStreams(): number {
    return this.sessions.size;
  }

  /** Tells health checks whether this node can serve. */
  setServing(serving: boolean): void {
    if (serving === this.serving) return;
    this.serving = serving;
    for (const name of SERVICES) this.health.set(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  close(graceMs: number): Promise<void> {
    this.setServing(false);
    this.health.set(ALWAYS, 'NOT_SERVING');
    for (const session of [...this.sessions]) session.finish();
    return this.listener.close(graceMs);
  }
}
