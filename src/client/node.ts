import {
  type CallOptions,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import { FactstoreError } from '../base/errors.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import { clusterService } from '../proto/load.ts';
import type { WireMethod } from '../proto/services.ts';
import type { Clock } from '../runtime/clock.ts';
import type { OneCluster } from './one-cluster.ts';
import { aborted, fromGrpc } from './status-error.ts';

/** What of a method a client needs. */
export type ClientMethod<Request, Response> = {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
};

/** How long a call may take, and what ends it early. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A node that is not connected must answer a probe within this, before anything else is asked of it. */
export const PROBE_TIMEOUT_MS = 2_000;

const OPTIONS: ChannelOptions = {
  // What is retried, and how, is decided here: gRPC knows nothing of append ids.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  // A leader that was cut off without a word is noticed after 3.5 s at most.
  'grpc.keepalive_time_ms': 1_500,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 32 << 20,
  'grpc.max_send_message_length': 32 << 20,
  // 64 KiB, the default, would make every batch of a read wait for several round trips.
  'grpc-node.flow_control_window': 1 << 20,
};

const NO_METADATA = new Metadata();

/** One node of the cluster, and the one channel to it. Connects when it is first used. */
export class Node {
  readonly address: string;
  private readonly cluster: OneCluster;
  private readonly clock: Clock;
  private client: Client | undefined;
  /** Whether the node has said over this very connection that it is of the cluster: behind the next may be another one. */
  private confirmed = false;

  constructor(address: string, cluster: OneCluster, clock: Clock) {
    this.address = address;
    this.cluster = cluster;
    this.clock = clock;
  }

  /**
   * Resolves when the node has shown that it is there, and of no other cluster; ends in UNREACHABLE where it has not within
   * 2 s. Comes before every call that is more than a question for its status.
   */
  async reach(limits: CallLimits): Promise<void> {
    if (this.confirmed) return;
    await this.status({ ...limits, timeoutMs: Math.min(limits.timeoutMs, PROBE_TIMEOUT_MS) });
  }

  /** Cluster.Status of this node. Ends in UNREACHABLE where it is of another cluster. */
  async status(limits: CallLimits): Promise<StatusResponse__Output> {
    const status = await this.anyStatus(limits);
    if (this.cluster.holds(this.address, status.clusterId)) this.confirm();
    return status;
  }

  /** Cluster.Status of this node, whichever cluster it is of. */
  async anyStatus(limits: CallLimits): Promise<StatusResponse__Output> {
    try {
      return await this.unary(clusterService.Status, {}, limits);
    } catch (error) {
      if (!(error instanceof FactstoreError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const reason = `timed out after ${limits.timeoutMs / 1000} s`;
      const details = { address: this.address, reason };
      // With more time it might have answered: that is another thing than a silent node.
      const cause = limits.timeoutMs < PROBE_TIMEOUT_MS ? error : undefined;
      throw new FactstoreError('UNREACHABLE', `${this.address}: ${reason}`, details, { cause });
    }
  }

  /** A call with one message each way. Ends in a FactstoreError. */
  unary<Request, Response>(
    method: ClientMethod<Request, Response>,
    request: Request,
    { timeoutMs, signal }: CallLimits,
  ): Promise<Response> {
    if (signal?.aborted) return Promise.reject(aborted('the call', signal));
    return new Promise((resolve, reject) => {
      const abort = () => call.cancel();
      const { path, requestSerialize, responseDeserialize } = method;
      const options: CallOptions = { deadline: this.clock.nowUs() / 1000 + timeoutMs };
      const call: ClientUnaryCall = this.open().makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        NO_METADATA,
        options,
        (error, response) => {
          signal?.removeEventListener('abort', abort);
          if (!error) return resolve(response as Response);
          reject(signal?.aborted ? aborted('the call', signal) : fromGrpc(error, this.address));
        },
      );
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** A call with one message there and many back. */
  serverStream<Request, Response>(
    method: ClientMethod<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    return this.open().makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, NO_METADATA);
  }

  /** A call with many messages each way. */
  duplex<Response>(method: WireMethod<unknown, Response>): ClientDuplexStream<Uint8Array, Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    return this.open().makeBidiStreamRequest(path, requestSerialize, responseDeserialize, NO_METADATA);
  }

  close(): void {
    this.client?.close();
    this.client = undefined;
    this.confirmed = false;
  }

  /**
   * Until the connection is another one. Where the name has come to lead elsewhere, one takes the place of the other while
   * the channel stays READY: so whatever is told of its state counts, which differs from SHUTDOWN in any case.
   */
  private confirm(): void {
    const channel = this.client?.getChannel();
    if (this.confirmed || channel?.getConnectivityState(false) !== connectivityState.READY) return;
    this.confirmed = true;
    channel.watchConnectivityState(connectivityState.SHUTDOWN, Number.POSITIVE_INFINITY, () => {
      this.confirmed = false;
    });
  }

  private open(): Client {
    this.client ??= new Client(this.address, credentials.createInsecure(), OPTIONS);
    return this.client;
  }
}
