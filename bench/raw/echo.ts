import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Operation } from '../harness/load.ts';
import type { Scan } from '../harness/scan.ts';
import type { Fixture, System } from '../harness/scenario.ts';
import type { Process } from '../harness/usage.ts';
import type { Payloads } from '../support/payload.ts';

const CHANNEL_OPTIONS = {
  'grpc.enable_retries': 0,
  'grpc-node.flow_control_window': 1 << 20,
  'grpc.max_receive_message_length': 64 << 20,
};
const NO_METADATA = new Metadata();
const asIs = (bytes: Buffer) => bytes;

/** grpc-js alone: a server that does nothing, in a process of its own, and a client with the options that all have here. */
export class Echo implements System {
  readonly servers: readonly Process[];
  private readonly client: Client;

  constructor(pid: number | undefined, port: number) {
    this.servers = [{ name: 'grpc-js', pid }];
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  unary(payloads: Payloads): Operation {
    return (done) => {
      const { json } = payloads.payload();
      this.client.makeUnaryRequest('/echo/unary', asIs, asIs, json, NO_METADATA, (error: unknown) =>
        done(error ?? undefined),
      );
    };
  }

  /** All messages on one stream; the answers come in their order. */
  stream(payloads: Payloads): Operation {
    const open: ((error?: unknown) => void)[] = [];
    const call: ClientDuplexStream<Buffer, Buffer> = this.client.makeBidiStreamRequest(
      '/echo/stream',
      asIs,
      asIs,
      NO_METADATA,
    );
    call.on('data', () => open.shift()?.());
    call.on('error', (error) => {
      for (const done of open.splice(0)) done(error);
    });
    return (done) => {
      open.push(done);
      call.write(payloads.payload().json);
    };
  }

  /** Streams the messages of a file, each of which holds as many events as `counts` says. */
  file(path: string, counts: readonly number[]): Scan {
    const { client } = this;
    return async function* () {
      const call = client.makeServerStreamRequest('/echo/file', asIs, asIs, Buffer.from(path), NO_METADATA);
      call.on('error', () => {});
      let message = 0;
      try {
        for await (const _ of call) yield counts[message++] as number;
      } finally {
        call.cancel();
      }
    };
  }

  close(): void {
    this.client.close();
  }
}

/** Starts the server, and registers what ends it and the client. */
export async function startEcho(onEnd: (release: () => Promise<void> | void) => void): Promise<Echo> {
  const program = fileURLToPath(new URL('echo-server.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const [port] = await once(createInterface({ input: child.stdout }), 'line');
  const started = new Echo(child.pid, Number(port));
  onEnd(() => started.close());
  return started;
}

export const echo: Fixture<Echo> = {
  system: 'raw',
  start: (bench) => startEcho((release) => bench.onEnd(release)),
};
