import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Founding, type FoundingOptions } from '../../src/peer/founding.ts';
import { decodeFoundingRecord, encodeFoundingRecord, encodeFoundRequest } from '../../src/peer/founding-codec.ts';
import { ask } from '../../src/peer/grpc.ts';
import { memberId } from '../../src/peer/identity.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Line, logging, random, until } from './support.ts';

/** A data directory: what survives the process. */
interface Directory {
  readonly id: Uint8Array;
  record: Uint8Array | undefined;
  adoptions: number;
}

interface Founder {
  readonly founding: Founding;
  readonly server: PeerServer;
  readonly outcome: Promise<Uint8Array>;
  readonly lines: Line[];
  stop(): void;
}

const running = new Set<Founder>();

afterEach(() => {
  for (const founder of [...running]) founder.stop();
});

const directory = (): Directory => ({ id: randomBytes(16), record: undefined, adoptions: 0 });

/** As many free ports of loopback as there are names. */
async function freeAddresses(...nodeIds: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const nodeId of nodeIds) {
    const server = createServer().listen(0, '127.0.0.1');
    await until(() => server.listening);
    found.set(nodeId, `127.0.0.1:${(server.address() as { port: number }).port}`);
    server.close();
  }
  return found;
}

interface Start {
  readonly founders?: Map<string, string>;
  readonly knownFeatureLevel?: number;
  readonly isGone?: FoundingOptions['isGone'];
  /** Replaces what happens when a record is adopted. */
  readonly adopt?: (record: Uint8Array, stop: () => void) => Promise<void>;
}

async function start(nodeId: string, disk: Directory, all: Map<string, string>, how: Start = {}): Promise<Founder> {
  const abort = new AbortController();
  const { logger, lines } = logging();
  const address = all.get(nodeId) ?? '127.0.0.1:0';
  const save = async (bytes: Uint8Array) => {
    disk.record = bytes;
    disk.adoptions++;
  };
  const options: FoundingOptions = {
    me: { nodeId, directoryId: disk.id, address: `clients of ${nodeId}`, peerAddress: address },
    founders: how.founders ?? all,
    knownFeatureLevel: how.knownFeatureLevel ?? 1,
    clock: systemClock,
    logger,
    signal: abort.signal,
    random,
    newClusterId: () => randomBytes(16),
    adopt: async (bytes) => {
      await save(bytes);
      await how.adopt?.(bytes, () => founder.stop());
    },
    currentRecord: () => disk.record,
    ...(how.isGone && { isGone: how.isGone }),
  };
  const founding = new Founding(options);
  const server = await PeerServer.start(
    address,
    {
      identify: () => founding.identify(),
      found: ({ record }) => founding.found(record),
      entries: async () => [],
      stateDigests: async () => [],
      state: async function* () {},
      join: () => Promise.reject(new Error()),
    },
    logger,
  );
  const outcome = founding.run();
  outcome.catch(() => undefined);
  const founder: Founder = {
    founding,
    server,
    outcome,
    lines,
    stop: () => {
      running.delete(founder);
      abort.abort();
      server.close();
    },
  };
  running.add(founder);
  return founder;
}

const names = ['n1', 'n2', 'n3'];

describe('founding a cluster', () => {
  test('three founders, one of them late, agree on one record (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const n1 = await start('n1', disks[0]!, all);
    const n2 = await start('n2', disks[1]!, all);
    const missing = `waiting for n3 (connection refused ${all.get('n3')})`;
    await until(() => n1.founding.waitingFor() === missing && n2.founding.waitingFor() === missing);
    expect(disks.every((disk) => disk.record === undefined)).toBe(true);
    const told = n1.lines.filter((line) => line.event === 'founding.waiting').map((line) => line.text);
    expect(told).toContain(`no cluster yet: ${missing}`);
    expect(told).toEqual([...new Set(told)]);

    const n3 = await start('n3', disks[2]!, all);
    const records = await Promise.all([n1.outcome, n2.outcome, n3.outcome]);
    expect(records.every((bytes) => Buffer.compare(bytes, records[0]!) === 0)).toBe(true);
    expect(disks.map((disk) => disk.adoptions)).toEqual([1, 1, 1]);
    const { clusterId, members, createdUs } = decodeFoundingRecord(records[0]!);
    expect(clusterId).toHaveLength(16);
    expect(Math.abs(createdUs / 1000 - Date.now())).toBeLessThan(60_000);
    expect(members).toEqual(
      names.map((nodeId, i) => ({
        nodeId,
        directoryId: Uint8Array.from(disks[i]!.id),
        address: `clients of ${nodeId}`,
        peerAddress: all.get(nodeId),
      })),
    );
    await Promise.all([n1, n2, n3].map((founder) => founder.founding.handedOver));
    expect([n1, n2, n3].map((founder) => founder.founding.waitingFor())).toEqual(['', '', '']);
  });

  test('the lowest node id in the order of characters proposes: n10 before n2 (DESIGN §6)', async () => {
    const all = await freeAddresses('n2', 'n10');
    const n2 = await start('n2', directory(), all);
    const n10 = await start('n10', directory(), all);
    await Promise.all([n2.outcome, n10.outcome]);
    expect(n10.lines.some((line) => line.event === 'founding.proposed')).toBe(true);
    expect(n2.lines.some((line) => line.event === 'founding.proposed')).toBe(false);
  });

  test('a single founder founds at once (DESIGN §6)', async () => {
    const all = await freeAddresses('n1');
    const n1 = await start('n1', directory(), all);
    expect(decodeFoundingRecord(await n1.outcome).members.map((member) => member.nodeId)).toEqual(['n1']);
  });

  test('a restart knows its record without asking anybody (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const first = await Promise.all(names.map((nodeId, i) => start(nodeId, disks[i]!, all)));
    const [record] = await Promise.all(first.map((founder) => founder.outcome));
    for (const founder of first) founder.stop();
    const again = await start('n2', disks[1]!, all);
    expect(await again.outcome).toBe(disks[1]!.record);
    expect(Buffer.compare(disks[1]!.record!, record!)).toBe(0);
  });

  test('stopping ends the wait (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const n1 = await start('n1', directory(), all);
    await until(() => n1.founding.waitingFor() !== '');
    n1.stop();
    await expect(n1.outcome).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a crash while founding', () => {
  test('of the proposer after it adopted: restarted, it hands its record over (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const others = [await start('n2', disks[1]!, all), await start('n3', disks[2]!, all)];
    const died = await start('n1', disks[0]!, all, { adopt: async (_, stop) => stop() });
    await until(() => !running.has(died));
    await until(() => others.every((founder) => founder.founding.waitingFor().includes('n1')));
    expect(disks.slice(1).every((disk) => disk.record === undefined)).toBe(true);

    await start('n1', disks[0]!, all);
    const records = await Promise.all(others.map((founder) => founder.outcome));
    for (const bytes of records) expect(Buffer.compare(bytes, disks[0]!.record!)).toBe(0);
    expect(disks.map((disk) => disk.adoptions)).toEqual([1, 1, 1]);
  });

  test('of the proposer before it adopted: nobody has a record, and it founds again (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const others = [await start('n2', disks[1]!, all), await start('n3', disks[2]!, all)];
    const died = await start('n1', disks[0]!, all, {
      adopt: async (_, stop) => {
        disks[0]!.record = undefined;
        stop();
        throw new Error('killed');
      },
    });
    await expect(died.outcome).rejects.toThrow('killed');
    expect(disks.every((disk) => disk.record === undefined)).toBe(true);
    await start('n1', disks[0]!, all);
    const records = await Promise.all(others.map((founder) => founder.outcome));
    for (const bytes of records) expect(Buffer.compare(bytes, disks[0]!.record!)).toBe(0);
  });

  test('of the proposer after it handed the record to one: that one hands it on (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    let n1: Founder | undefined;
    // n3 dies as it is proposed to, and n1 as soon as n2 has the record.
    const n2 = await start('n2', disks[1]!, all, { adopt: async () => n1?.stop() });
    const n3 = await start('n3', disks[2]!, all);
    n1 = await start('n1', disks[0]!, all, { adopt: async () => n3.stop() });
    await n2.outcome;
    await until(() => n2.founding.waitingFor().includes('n3'));
    expect(disks.map((disk) => disk.record !== undefined)).toEqual([true, true, false]);

    const back = await start('n3', disks[2]!, all);
    const late = await back.outcome;
    expect(Buffer.compare(late, disks[0]!.record!)).toBe(0);
    await until(() => n2.founding.waitingFor().startsWith('waiting for n1 '));
    const again = await start('n1', disks[0]!, all);
    await Promise.all([again, n2, back].map((founder) => founder.founding.handedOver));
    expect(disks.map((disk) => disk.adoptions)).toEqual([1, 1, 1]);
  });

  test('of a founder for good: the record is held out to it until it is a member no more (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const first = await Promise.all(names.map((nodeId, i) => start(nodeId, disks[i]!, all)));
    await Promise.all(first.map((founder) => founder.outcome));
    for (const founder of first) founder.stop();
    const gone = new Set<string>();
    const [n1, n2] = [memberId('n1', disks[0]!.id), memberId('n2', disks[1]!.id)];
    const n3 = await start('n3', disks[2]!, all, { isGone: (member) => gone.has(member) });
    const waitsFor = (nodeId: string) => n3.founding.waitingFor().includes(`${nodeId} (connection refused`);
    await until(() => waitsFor('n1') && waitsFor('n2'));
    gone.add(n1);
    await until(() => !waitsFor('n1'));
    expect(waitsFor('n2')).toBe(true);
    gone.add(n2);
    await n3.founding.handedOver;
    expect(n3.founding.waitingFor()).toBe('');
  });
});

describe('a wiped disk', () => {
  async function founded() {
    const all = await freeAddresses(...names);
    const disks = names.map(directory);
    const first = await Promise.all(names.map((nodeId, i) => start(nodeId, disks[i]!, all)));
    await Promise.all(first.map((founder) => founder.outcome));
    await Promise.all(first.map((founder) => founder.founding.handedOver));
    return { all, disks, first };
  }

  test('never founds: it meets a cluster that does not know it, and says what to do (DESIGN §6)', async () => {
    const { all, disks, first } = await founded();
    first[0]!.stop();
    const blank = directory();
    const wiped = await start('n1', blank, all);
    await expect(wiped.outcome).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    const text = await wiped.outcome.catch((error: Error) => error.message);
    expect(text).toMatch(
      /^n2 belongs to cluster [0-9a-f-]{36} already, and this data directory \([0-9a-f-]{36}\) is not/,
    );
    expect(text).toContain('the disk of n1 was wiped or replaced. It can only come back as a new member');
    expect(text).toContain('stop and empty all of n1, n2, n3');
    expect(blank.record).toBeUndefined();
    expect(disks[1]!.adoptions).toBe(1);
  });

  test('two wiped nodes of three cannot found without the third (DESIGN §6)', async () => {
    const { all, first, disks } = await founded();
    for (const founder of first) founder.stop();
    const blanks = [directory(), directory()];
    const n1 = await start('n1', blanks[0]!, all);
    const n2 = await start('n2', blanks[1]!, all);
    const missing = `waiting for n3 (connection refused ${all.get('n3')})`;
    await until(() => n1.founding.waitingFor() === missing && n2.founding.waitingFor() === missing);
    expect(blanks.every((blank) => blank.record === undefined)).toBe(true);
    const n3 = await start('n3', disks[2]!, all);
    await expect(n1.outcome).rejects.toThrow(/n3 belongs to cluster/);
    await expect(n2.outcome).rejects.toThrow(/n3 belongs to cluster/);
    await n3.outcome;
    expect(blanks.every((blank) => blank.record === undefined)).toBe(true);
    expect(n3.founding.waitingFor()).toMatch(/^$|n1|n2/);
  });

  test('is not given the record of its former self (DESIGN §6)', async () => {
    const { all, disks, first } = await founded();
    first[1]!.stop();
    const wiped = await start('n2', directory(), all);
    const offered = ask(
      all.get('n2')!,
      'Found',
      encodeFoundRequest({ record: disks[0]!.record!, clusterId: Buffer.alloc(0) }),
      {
        clock: systemClock,
        timeoutMs: 2000,
      },
    );
    await expect(offered).rejects.toThrow(/does not name n2\//);
    await expect(wiped.outcome).rejects.toThrow(/already/);
  });
});

describe('a record that is handed over', () => {
  const give = (address: string, record: Uint8Array) =>
    ask(address, 'Found', encodeFoundRequest({ record, clusterId: Buffer.alloc(0) }), {
      clock: systemClock,
      timeoutMs: 2000,
    });

  test('is taken once; the same again is fine, another is refused (DESIGN §6)', async () => {
    const all = await freeAddresses('n1', 'n2');
    const disk = directory();
    const n2 = await start('n2', disk, all);
    const record = (cluster: number, other = 1) =>
      encodeFoundingRecord({
        clusterId: Buffer.alloc(16, cluster),
        members: [
          { nodeId: 'n1', directoryId: Buffer.alloc(16, other), address: 'a', peerAddress: all.get('n1')! },
          { nodeId: 'n2', directoryId: disk.id, address: 'b', peerAddress: all.get('n2')! },
        ],
        createdUs: 1,
        featureLevel: 1,
      });
    await expect(give(all.get('n2')!, Buffer.from('garbage'))).rejects.toThrow(/FoundingRecord/);
    await Promise.all([give(all.get('n2')!, record(1)), give(all.get('n2')!, record(1))]);
    await give(all.get('n2')!, record(1));
    expect(disk.adoptions).toBe(1);
    await expect(give(all.get('n2')!, record(2))).rejects.toThrow(
      'n2 belongs to cluster 01010101-0101-0101-0101-010101010101 already and does not become a member of 02020202-',
    );
    expect(Buffer.compare(await n2.outcome, record(1))).toBe(0);
  });

  test('is refused where the cluster would begin at a feature level that this node does not know [S16]', async () => {
    const all = await freeAddresses('n2');
    const disk = directory();
    await start('n2', disk, all, { knownFeatureLevel: 2, founders: new Map([...all, ['n1', '127.0.0.1:1']]) });
    const members = ['n1', 'n2'].map((nodeId) => ({
      nodeId,
      directoryId: nodeId === 'n2' ? disk.id : Buffer.alloc(16, 1),
      address: 'a',
      peerAddress: 'b',
    }));
    const record = encodeFoundingRecord({ clusterId: Buffer.alloc(16, 1), members, createdUs: 1, featureLevel: 3 });
    await expect(give(all.get('n2')!, record)).rejects.toThrow(/at feature level 3, but n2 knows levels up to 2/);
    expect(disk.record).toBeUndefined();
  });

  test('is refused where it names other founders than --cluster does (DESIGN §6)', async () => {
    const all = await freeAddresses('n1', 'n2', 'n3');
    const disk = directory();
    await start('n2', disk, all);
    const members = [{ nodeId: 'n2', directoryId: disk.id, address: 'b', peerAddress: all.get('n2')! }];
    const record = encodeFoundingRecord({ clusterId: Buffer.alloc(16, 1), members, createdUs: 1, featureLevel: 1 });
    await expect(give(all.get('n2')!, record)).rejects.toThrow(
      /names n2, but --cluster of n2 names n1, n2, n3: give all founders the same --cluster/,
    );
    expect(disk.record).toBeUndefined();
  });
});

describe('mistakes in --cluster', () => {
  test('an address that leads to another node is named (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const wrong = new Map(all).set('n2', all.get('n3')!);
    const n1 = await start('n1', directory(), all, { founders: wrong });
    await start('n3', directory(), all);
    await until(() => n1.founding.waitingFor().startsWith(`waiting for n2 (at ${all.get('n3')} answers n3, not n2:`));
    expect(n1.lines.some((line) => line.text.includes('one address in --cluster is wrong'))).toBe(true);
  });

  test('a data directory that was copied to another founder is named (DESIGN §6)', async () => {
    const all = await freeAddresses(...names);
    const disk = directory();
    const n1 = await start('n1', directory(), all);
    await start('n2', { ...disk }, all);
    await start('n3', { ...disk }, all);
    await until(() => n1.founding.waitingFor().includes('n2 (it has the same data directory id as n3'));
    expect(n1.founding.waitingFor()).toContain('n3 (it has the same data directory id as n2');
  });

  test('a node that is not in it stops (DESIGN §6)', async () => {
    const all = await freeAddresses('n1', 'n2');
    const n9 = await start('n9', directory(), all);
    await expect(n9.outcome).rejects.toThrow('--cluster names n1, n2, but this node is n9');
  });
});
