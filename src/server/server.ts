import { Server as GrpcServer, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { LIMITS } from '../model/limits.ts';
import { clientPackage, clusterService } from '../proto/load.ts';
import { eventsService, streamsService } from '../proto/services.ts';
import type { OpenSessions } from './append-stream.ts';
import { type ClusterPorts, clusterHandlers } from './cluster-service.ts';
import { type EventsPorts, eventsHandlers } from './events-service.ts';
import { type HttpPorts, httpHandler } from './http.ts';
import { Listener } from './listener.ts';
import { meterCalls, ReceiveLimit } from './receive-limit.ts';
import { streamsHandlers } from './streams-service.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly streamsPerConnectionMax: number;
  readonly unhandledBytesMax: number;
}

export interface ServerPorts extends EventsPorts, HttpPorts {
  readonly cluster: ClusterPorts;
}

/** A message of AppendStream is a chunk and a few bytes; a unary one has the limit of DESIGN §9. */
const MESSAGE_BYTES_MAX = LIMITS.unaryBytesMax + 1024;
const SERVICES = ['', 'factstore.v1.Events', 'factstore.v1.Streams', 'factstore.v1.Cluster'];

/** The face of a node for its clients: gRPC, health, reflection, and HTTP/1.1 on the same port. */
export class Server {
  private readonly listener: Listener;
  private readonly health: HealthImplementation;

  private readonly sessions: OpenSessions;

  private constructor(listener: Listener, health: HealthImplementation, sessions: OpenSessions) {
    this.listener = listener;
    this.health = health;
    this.sessions = sessions;
  }

  static async start(ports: ServerPorts, options: ServerOptions): Promise<Server> {
    const { logger, clock } = ports;
    const sessions: OpenSessions = new Set();
    const received = new ReceiveLimit(options.unhandledBytesMax, logger);
    const grpc = new GrpcServer({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.streamsPerConnectionMax,
      // Nobody reads it, and it counts every message.
      'grpc.enable_channelz': 0,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      interceptors: [meterCalls(received, MESSAGE_BYTES_MAX, logger)],
    });
    grpc.addService(eventsService, eventsHandlers(ports, sessions) as unknown as UntypedServiceImplementation);
    grpc.addService(
      streamsService,
      streamsHandlers(() => ports.database(), logger, clock) as unknown as UntypedServiceImplementation,
    );
    grpc.addService(clusterService, clusterHandlers(ports.cluster, logger) as unknown as UntypedServiceImplementation);
    const health = new HealthImplementation(Object.fromEntries(SERVICES.map((name) => [name, 'NOT_SERVING'])));
    health.addToServer(grpc);
    new ReflectionService(clientPackage).addToServer(grpc);
    const { host, port, connectionsMax } = options;
    const listener = await Listener.open(grpc, httpHandler(ports), { host, port, connectionsMax, clock });
    return new Server(listener, health, sessions);
  }

  get port(): number {
    return this.listener.port;
  }

  /** Tells health checks whether this node can serve. */
  setServing(serving: boolean): void {
    for (const name of SERVICES) this.health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  close(graceMs: number): Promise<void> {
    this.setServing(false);
    for (const session of [...this.sessions]) session.finish();
    return this.listener.close(graceMs);
  }
}
