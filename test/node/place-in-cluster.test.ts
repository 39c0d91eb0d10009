import { Server, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { nodeOptionsSchema } from '../../src/config/options.ts';
import { Members } from '../../src/node/members.ts';
import type { NodeStorage } from '../../src/node/open-storage.ts';
import { PlaceInCluster } from '../../src/node/place-in-cluster.ts';
import type { FoundingMember } from '../../src/peer/founding-codec.ts';
import { peerService } from '../../src/peer/grpc.ts';
import { memberId } from '../../src/peer/identity.ts';
import type { JoinResponse } from '../../src/peer/join-codec.ts';
import { encodeMembership, membershipIn } from '../../src/peer/membership-codec.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { logging } from '../peer/support.ts';
import { until } from '../support/wait.ts';

const LEADERLESS_MS = 5_001;
/** Nobody is there. */
const NOWHERE = '127.0.0.1:1';
const VOTER = { record: Buffer.from('the record'), clusterId: Buffer.alloc(0), voter: true, leader: '', waits: '' };

const node = (nodeId: string, directory: number): FoundingMember => ({
  ...{ nodeId, directoryId: Buffer.alloc(16, directory), address: NOWHERE, peerAddress: NOWHERE },
});
const [n1, n2] = [node('n1', 1), node('n2', 2)];
const idOf = ({ nodeId, directoryId }: FoundingMember) => memberId(nodeId, directoryId);

/** The voter n1, whose fellow is gone, and which was started with these seeds once; or one whose log names others as members. */
function voter(seeds: readonly string[], inForce: readonly FoundingMember[] = [n1, n2]) {
  const known = new Map(inForce.map((one) => [idOf(one), one]));
  const voters = [new Set(known.keys()), new Set<string>()] as const;
  const payload = encodeMembership({ voters, learners: new Set(), learnersNext: new Set() }, known, undefined);
  const members = new Members([membershipIn({ index: 2, payload: Buffer.from(payload) })], new Map(), new Map());
  const { logger, lines } = logging();
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  let passedMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + passedMs };
  const served: string[] = [];
  const place = new PlaceInCluster({
    options: nodeOptionsSchema.parse({ nodeId: 'n1', join: seeds.join(',') }),
    storage: { clusterId: Buffer.alloc(16, 7), founding: { members: [n1, n2] } } as unknown as NodeStorage,
    ...{ members, clock, logger, me: n1, knownFeatureLevel: 1 },
    leader: () => undefined,
    join: () => Promise.reject(new Error('it does not lead')),
    serveNothing: (why) => served.push(why),
    ending: ending.signal,
  });
  const beLeaderless = () => {
    passedMs += LEADERLESS_MS;
    place.keep();
  };
  return { place, lines, served, beLeaderless };
}

/** Something that ends every question in this status; without one it does not know the service at all. */
async function stranger(code?: status): Promise<string> {
  const server = new Server();
  if (code !== undefined)
    server.addService(
      { Join: peerService.Join },
      { Join: (_: unknown, done: sendUnaryData<Buffer>) => done({ code, details: 'go away' }) },
    );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** A node that leads by now. */
async function leader(join: () => Promise<JoinResponse>): Promise<string> {
  const never = () => Promise.reject(new Error('not asked for'));
  const identify = () => ({ ...n2, clusterId: Buffer.alloc(16, 7), members: [], knownFeatureLevel: 1 });
  const others = { identify, found: never, entries: never, stateDigests: never, state: async function* () {} };
  const server = await PeerServer.start('127.0.0.1:0', { ...others, join }, logging().logger);
  onTestFinished(() => server.close());
  return server.address;
}

describe('a voter that hears of no leader', () => {
  test.each([
    undefined,
    status.DEADLINE_EXCEEDED,
    status.PERMISSION_DENIED,
    status.UNAUTHENTICATED,
    status.ABORTED,
    status.UNKNOWN,
  ])(
    'keeps its place where something else than its cluster refuses it (%s), and asks the next one [Q3]',
    async (code) => {
      let asked = 0;
      const seeds = [
        await stranger(code),
        await leader(async () => {
          asked++;
          return { ...VOTER, voter: asked > 1 };
        }),
      ];
      const { place, served, lines, beLeaderless } = voter(seeds);
      beLeaderless();
      await until('it is told that it votes', () => asked > 1 || place.lost !== '');
      expect([place.lost, served]).toEqual(['', []]);
      expect(lines.map(({ event }) => event)).toContain('joining.waiting');
    },
  );

  test('has lost its place where a leader says so, and serves nothing from then on [Q3]', async () => {
    const removed = 'n1 was removed from this cluster';
    const verdict = () => Promise.reject(new FactstoreError('FAILED_PRECONDITION', removed));
    const { place, served, beLeaderless } = voter([await leader(verdict)]);
    beLeaderless();
    await until('it is told', () => place.lost !== '');
    expect([place.lost, served]).toEqual([removed, [removed]]);
  });
});

describe('a founder that the configuration in force does not name', () => {
  const removed = 'n1 was removed from this cluster';
  const alone = async () => {
    const verdict = () => Promise.reject(new FactstoreError('FAILED_PRECONDITION', removed));
    return voter([NOWHERE], [{ ...n2, peerAddress: await leader(verdict) }]);
  };

  test('asks the one member that is left, also where there were but two of them [Q3]', async () => {
    const { place, served, beLeaderless } = await alone();
    beLeaderless();
    await until('it is told', () => place.lost !== '');
    expect(served).toEqual([removed]);
  });

  test('asks at once, while it runs and when it starts: nobody will send it anything more [Q3]', async () => {
    const running = await alone();
    running.place.keep();
    const starting = await alone();
    starting.place.take();
    await until('both are told', () => running.place.lost !== '' && starting.place.lost !== '');
  });
});
