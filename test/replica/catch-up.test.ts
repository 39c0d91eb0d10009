import { describe, expect, it } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { CatchUp, isReferral } from '../../src/replica/catch-up.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { EntryRecord } from '../../src/storage/record.ts';
import { EMPTY_LOG, entriesAfter } from '../storage/support.ts';
import { anAppend, ReplicaCluster, type ReplicaNode } from '../support/replica-cluster.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const APPENDS = 50;
/** The last few entries stay in memory. */
const TAIL_BYTES = 2_000;

/** A cluster whose leader has nothing in memory for a follower that was away while something was appended. */
async function behind(size = 3) {
  const cluster = await ReplicaCluster.start(size, { tailBytesMax: TAIL_BYTES });
  const leader = await cluster.leader();
  const [away, helper] = cluster.followers(leader) as [ReplicaNode, ReplicaNode];
  return { cluster, leader, away, helper };
}

type Behind = Awaited<ReturnType<typeof behind>>;

async function fallBehind({ cluster, leader, away }: Behind): Promise<void> {
  cluster.loses = ({ from, to }) => from === away.id || to === away.id;
  for (let n = 0; n < APPENDS; n++) await cluster.settled(leader.append(anAppend(`a-${n % 3}`, ['A'])));
  cluster.heal();
}

async function caughtUp({ cluster, leader, away }: Behind): Promise<void> {
  const level = () => away.replica.appliedIndex >= leader.replica.appliedIndex;
  await cluster.time.until('the follower has caught up', level, 60_000);
  expect(away.log.end.chain).toEqual(leader.log.end.chain);
}

describe('a follower that lags', () => {
  it('gets what is committed from another follower, not from the leader [C5]', async () => {
    const all = await behind();
    await fallBehind(all);
    await caughtUp(all);
    expect(new Set(all.cluster.fetches)).toEqual(new Set([`${all.away.id}<${all.helper.id}`]));
    expect(all.cluster.nodes.flatMap((node) => node.failures)).toEqual([]);
  });

  it('asks the leader where nobody else has it [C5]', async () => {
    const all = await behind();
    all.cluster.answersFetch = (_asker, asked) => asked === all.leader.id;
    await fallBehind(all);
    await caughtUp(all);
    expect(all.cluster.fetches).toContain(`${all.away.id}<${all.leader.id}`);
  });

  it('gets from the leader what it could get from nobody: it may not know the members yet [C5]', async () => {
    const all = await behind();
    all.cluster.answersFetch = () => false;
    await fallBehind(all);
    await caughtUp(all);
    // It asked for one range, in vain.
    expect(all.cluster.fetches).toHaveLength(2);
  });

  it('gets later ranges from others again, once the leader has sent one that it missed [C5]', async () => {
    const all = await behind();
    await fallBehind(all);
    let missed = 0;
    all.cluster.loses = (message) => message.to === all.away.id && isReferral(message) && missed++ === 0;
    await caughtUp(all);
    expect([missed, all.cluster.fetches]).toEqual([1, []]);
    await fallBehind(all);
    await caughtUp(all);
    expect(all.cluster.fetches).toEqual([`${all.away.id}<${all.helper.id}`]);
  });

  it('passes over a node whose entries do not continue its log, and is not harmed [C5] [D4]', async () => {
    const all = await behind();
    const { helper, cluster } = all;
    const { log } = helper;
    const read = log.read.bind(log);
    log.read = async (...range) => (await read(...range)).map(changed);
    await fallBehind(all);
    await caughtUp(all);
    expect(cluster.fetches.filter((fetch) => fetch === `${all.away.id}<${helper.id}`)).not.toEqual([]);
    expect(all.away.failures).toEqual([]);
  });

  it('gets everything from the leader where there is no third member [C5]', async () => {
    const cluster = await ReplicaCluster.start(2, { tailBytesMax: TAIL_BYTES });
    const leader = await cluster.leader();
    const [away] = cluster.followers(leader) as [ReplicaNode];
    for (let n = 0; n < APPENDS; n++) await cluster.settled(leader.append(anAppend('a', ['A'])));
    cluster.loses = ({ from, to }) => from === leader.id && to === away.id;
    await cluster.time.run(200);
    cluster.heal();
    await caughtUp({ cluster, leader: await cluster.leader(), away, helper: away });
    expect(cluster.fetches).toEqual([]);
  });
});

/** A follower's catching up alone, which asks for entries 1 to 3 of others, each time until the test answers. */
function alone() {
  const asked: Deferred<EntryRecord[]>[] = [];
  const filled: unknown[] = [];
  const failures: unknown[] = [];
  const catchUp = new CatchUp({
    log: { placeAt: async () => EMPTY_LOG },
    clock: new VirtualTime().clock(),
    fetchEntries: () => () => {
      const answer = deferred<EntryRecord[]>();
      asked.push(answer);
      return answer.promise;
    },
    filled: (append) => filled.push(append),
    fatal: (error) => failures.push(error),
  });
  const envelope = { type: 'append', from: 'a', to: 'b', term: 2 } as const;
  const follow = () => catchUp.follow({ ...envelope, index: 0, logTerm: 0, commit: 3, entries: undefined, loadMax: 3 });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { asked, filled, failures, follow, turn };
}

describe('catching up', () => {
  it('asks for one range at a time, however often it is named [C5]', async () => {
    const { asked, filled, follow, turn } = alone();
    const first = follow();
    await follow();
    await turn();
    expect(asked.length).toBe(1);
    asked[0]?.resolve(entriesAfter(EMPTY_LOG, 3));
    await first;
    expect(filled).toMatchObject([{ index: 0, entries: [{ index: 1 }, { index: 2 }, { index: 3 }] }]);
  });

  it('ends the node for what is wrong here, and not because nobody could be asked [C5] [D7]', async () => {
    const { asked, failures, follow, turn } = alone();
    const first = follow();
    await turn();
    asked[0]?.reject(new FactstoreError('UNREACHABLE', 'nobody has them'));
    await first;
    expect(failures).toEqual([]);
    const second = follow();
    await turn();
    const damage = new FactstoreError('DATA_LOSS', 'entry 1 is damaged');
    asked[1]?.reject(damage);
    await second;
    expect(failures).toEqual([damage]);
  });
});

/** The same entry with a bit of its payload flipped, as another history would have it. */
function changed(record: EntryRecord): EntryRecord {
  const bytes = Buffer.from(record.bytes);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  return new EntryRecord(record.index, bytes);
}
