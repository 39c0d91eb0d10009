import { Server as GrpcServer, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { Health } from '../../src/server/health.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';

const { Check, Watch, List } = service as unknown as Record<'Check' | 'Watch' | 'List', ServiceDefinition[string]>;
const NOT_FOUND = 5;

let health: Health;
let grpc: GrpcServer;
let client: RawClient;

beforeEach(async () => {
  health = new Health({ '': 'NOT_SERVING', 'factstore.v1.Events': 'NOT_SERVING', 'factstore.v1.Cluster': 'SERVING' });
  grpc = new GrpcServer();
  health.addTo(grpc, createLogger('silent', {}));
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  );
  client = new RawClient(`127.0.0.1:${port}`);
});
afterEach(() => {
  client.close();
  grpc.forceShutdown();
});

const asked = (name: string) => Check.requestSerialize({ service: name });
const told = (messages: readonly Buffer[]) => messages.map((bytes) => Watch.responseDeserialize(bytes)) as object[];
/** How many calls are told of changes. */
const watching = () => {
  const { watchers } = health as unknown as { watchers: ReadonlyMap<string, ReadonlySet<unknown>> };
  return { names: watchers.size, calls: [...watchers.values()].reduce((sum, { size }) => sum + size, 0) };
};

describe('the health service', () => {
  it('tells how a service is, and all of them', async () => {
    health.set('factstore.v1.Events', 'SERVING');
    const answers = await Promise.all(['', 'factstore.v1.Events'].map((name) => client.unary(Check.path, asked(name))));
    expect(answers.map(({ messages }) => told(messages))).toEqual([
      [{ status: 'NOT_SERVING' }],
      [{ status: 'SERVING' }],
    ]);
    const { messages } = await client.unary(List.path, Buffer.alloc(0));
    expect(List.responseDeserialize(messages[0] as Buffer)).toEqual({
      statuses: {
        '': { status: 'NOT_SERVING' },
        'factstore.v1.Events': { status: 'SERVING' },
        'factstore.v1.Cluster': { status: 'SERVING' },
      },
    });
  });

  it('tells who watches of every change, and forgets who has gone', async () => {
    const watched = client.serverStream(Watch.path, asked('factstore.v1.Events'), 3);
    await until('somebody watches', () => watching().calls === 1);
    health.set('factstore.v1.Events', 'SERVING');
    health.set('factstore.v1.Events', 'NOT_SERVING');
    const changes = ['NOT_SERVING', 'SERVING', 'NOT_SERVING'].map((status) => ({ status }));
    expect(told((await watched).messages)).toEqual(changes);
    await until('nobody watches', () => watching().calls === 0);
  });

  it('keeps nothing of the names that it does not know [C8]', async () => {
    const before = watching().names;
    const outcomes = Array.from({ length: 50 }, (_, n) => client.serverStream(Watch.path, asked(`unknown-${n}`), 1));
    for (const { messages } of await Promise.all(outcomes)) {
      expect(told(messages)).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
    }
    expect(watching()).toEqual({ names: before, calls: 0 });
  });

  it.each([100, 1_000, 200_000])(
    'answers for a name of %d bytes that nothing has, and then the next on that connection [S12]',
    async (bytes) => {
      const { code, details } = await client.unary(Check.path, asked('n'.repeat(bytes)));
      expect(code).toBe(NOT_FOUND);
      expect(details.length).toBeLessThan(200);
      const { messages } = await client.unary(Check.path, asked('factstore.v1.Cluster'));
      expect(told(messages)).toEqual([{ status: 'SERVING' }]);
    },
  );

  it('keeps no long name while it is watched [C8]', async () => {
    const { code, details } = await client.serverStream(Watch.path, asked('n'.repeat(2_000)));
    expect({ code, details }).toMatchObject({ code: NOT_FOUND, details: expect.stringContaining('2003 bytes') });
  });
});
