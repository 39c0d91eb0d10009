import { describe, expect, it } from 'vitest';
import { Raft } from '../../src/raft/raft.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import { RaftDriver } from '../../src/replica/raft-driver.ts';
import { deferred } from '../../src/runtime/deferred.ts';
import { type Damage, damageError } from '../../src/storage/damage.ts';
import { type EntryRecord, sealNoop } from '../../src/storage/record.ts';
import { EMPTY_LOG, entriesAfter } from '../storage/support.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const OPTIONS = {
  id: 'a',
  electionTimeoutTicks: 10,
  heartbeatTicks: 1,
  inflightMessagesMax: 16,
  inflightBytesMax: 1 << 20,
  messageBytesMax: 1 << 20,
  messageEntriesMax: 100,
  batchBytesMax: 1 << 20,
  tailBytesMax: 0,
  appliedLagMax: 1_000,
  random: (from: number) => from,
};

/** A leader with a follower that has nothing: it has just been asked to send three entries that are on its disk alone. */
async function loading(members = ['a', 'b'], commit = 0) {
  const time = new VirtualTime();
  const records = entriesAfter(EMPTY_LOG, 3);
  const end = records[2] as EntryRecord;
  const hardState = { term: 1, vote: undefined, commit };
  const voters = [new Set(members), new Set<string>()] as const;
  const configuration = { voters, learners: new Set<string>(), learnersNext: new Set<string>() };
  const core = new Raft<EntryRecord>(
    { ...OPTIONS, noop: (index, term) => sealNoop(index, term, end) },
    { hardState, lastIndex: 3, termRuns: [[1, 1]], applied: 0, configuration },
  );
  const sent: PeerMessage[] = [];
  const failures: unknown[] = [];
  const unsendable: string[] = [];
  let read = deferred<EntryRecord[]>();
  const driver: RaftDriver = new RaftDriver(core, {
    log: { write: async () => {}, placeAt: async () => end, read: () => read.promise },
    transport: { send: (message) => sent.push(message) },
    space: { enough: async () => true },
    clock: time.clock(),
    disk: { begun: () => {}, written: () => {}, committed: () => {} },
    reads: () => {},
    committed: () => {},
    unsendable: (to, { text }) => unsendable.push(`${to}: ${text}`),
    turned: () => {},
    fatal: (error) => failures.push(error),
  });
  const step = async (message: PeerMessage) => {
    core.step(message);
    driver.wake();
    await time.settle();
  };
  for (let n = 0; n < 10; n++) core.tick();
  driver.wake();
  await time.settle();
  const answer = { from: 'b', to: 'a', term: 2, reject: false } as const;
  await step({ ...answer, type: 'preVoteResponse' });
  await step({ ...answer, type: 'voteResponse' });
  const about = { ...answer, type: 'appendResponse', rejectHint: 0, logTerm: 0, applied: 0 } as const;
  await step({ ...about, index: 3, reject: true });
  sent.length = 0;
  await step({ ...about, index: 0 });
  const loaded = async () => {
    read.resolve(records);
    await time.settle();
    expect(failures).toEqual([]);
    return sent.filter((message) => message.type === 'append' && (message.entries?.length ?? 0) > 0);
  };
  /** The disk does not give what is asked for, and is asked again once an election timeout has passed. */
  const damaged = async (kind: Damage['kind']) => {
    const asked = read;
    read = deferred<EntryRecord[]>();
    asked.reject(damageError('/data', { kind, index: 2, text: 'entry 2: it is missing' }));
    await time.settle();
    for (let n = 0; n < 2 * OPTIONS.electionTimeoutTicks; n++) {
      core.tick();
      await step({ type: 'heartbeatResponse', from: 'b', to: 'a', term: 2, context: n, applied: 0 });
    }
    await step({ ...about, index: 0 });
  };
  const named = () => sent.filter((message) => message.type === 'append' && message.entries === undefined);
  return { core, driver, step, loaded, named, damaged, failures, unsendable };
}

describe('a range that is loaded from disk', () => {
  it('is sent by the leader that asked for it', async () => {
    const { core, loaded } = await loading();
    expect(core.role).toBe('leader');
    expect(await loaded()).toMatchObject([{ to: 'b', term: 2, index: 0, entries: [{ index: 1 }, {}, { index: 3 }] }]);
  });

  it('is not sent once another term began: its entries may have been replaced (§5.3)', async () => {
    const { core, step, loaded } = await loading();
    await step({ type: 'heartbeat', from: 'b', to: 'a', term: 3, commit: 0, context: 1, acknowledged: [] });
    expect(core.role).toBe('follower');
    expect(await loaded()).toEqual([]);
  });

  it('which is damaged below the commit index is waited for: it does not end the node [D7]', async () => {
    const { driver, loaded, damaged, failures, unsendable } = await loading();
    for (let n = 0; n < 2; n++) await damaged('belowCommit');
    expect([failures, unsendable]).toEqual([[], ['b: entry 2: it is missing']]);
    expect(driver.lostFor('b')?.index).toBe(2);
    expect((await loaded())[0]).toMatchObject({ to: 'b', entries: [{ index: 1 }, {}, { index: 3 }] });
    expect(driver.lostFor('b')).toBeUndefined();
  });

  it('which is damaged where it may have been promised ends the node [D7]', async () => {
    const { damaged, failures, unsendable } = await loading();
    await damaged('promiseLost');
    expect([failures, unsendable]).toMatchObject([[{ code: 'DATA_LOSS' }], []]);
  });

  it('is named where a third member has it, as far as it is committed [C5]', async () => {
    const { loaded, named } = await loading(['a', 'b', 'c'], 2);
    expect(named()).toMatchObject([{ to: 'b', index: 0, commit: 2, loadMax: 2 }]);
    expect(await loaded()).toEqual([]);
  });

  it('is sent by the leader as long as nothing of it is committed, as nobody else would give it [C5]', async () => {
    const { loaded, named } = await loading(['a', 'b', 'c']);
    expect(await loaded()).toMatchObject([{ to: 'b', index: 0, entries: [{ index: 1 }, {}, { index: 3 }] }]);
    expect(named()).toEqual([]);
  });
});
