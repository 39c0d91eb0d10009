import { describe, expect, it, onTestFinished } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { Members } from '../../src/node/members.ts';
import { MembershipChanges } from '../../src/node/membership-changes.ts';
import type { FoundingMember } from '../../src/peer/founding-codec.ts';
import { memberId } from '../../src/peer/identity.ts';
import type { Lineage } from '../../src/peer/lineage.ts';
import { encodeMembership, type Membership, membershipEntries, membershipIn } from '../../src/peer/membership-codec.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import { isJoint, stepRefusal } from '../../src/raft/changer.ts';
import type { Configuration, Role } from '../../src/raft/types.ts';
import type { Replica } from '../../src/replica/replica.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { Damage } from '../../src/storage/damage.ts';
import { emptyLog } from '../../src/storage/record.ts';
import { until } from '../support/wait.ts';

const logger = createLogger('silent', {});
const clusterId = Buffer.alloc(16, 7);

/** A node whose directory has this number, and which answers at an address if it is given. */
function node(nodeId: string, directory: number, peerAddress = '127.0.0.1:1'): FoundingMember {
  const uuid = `00000000-0000-4000-8000-0000000000${String(directory).padStart(2, '0')}`;
  return { nodeId, directoryId: uuidBytes(uuid) as Uint8Array, address: `127.0.0.1:${directory}`, peerAddress };
}

const idOf = ({ nodeId, directoryId }: FoundingMember) => memberId(nodeId, directoryId);
const [n1, n2, n3] = [node('n1', 1), node('n2', 2), node('n3', 3)];

const ASKED_MAX = 10_000;
/** How long it takes to look at the status of the replica. */
const LOOK_MS = 50;

/** The leader n1 of some voters and learners, of whom all are reached and up to date unless the test says otherwise. */
class Leader {
  readonly unreachable = new Set<string>();
  readonly behind = new Map<string, number>();
  /** A large entry is being sealed, so that nothing can be proposed. */
  sealing = false;
  asked = 0;
  /** What is proposed is not committed. */
  stalled = false;
  /** A quorum has it on disk that the last change is committed. */
  settled = true;
  role: Role = 'leader';
  term = 5;
  /** The others have told it that it has no place any more. */
  lostPlace = false;
  /** The entry with which its term began. */
  begunAt = 1;
  /** What it cannot send to anybody. */
  lost: Damage | undefined;
  /** Stops the node. */
  readonly ending = new AbortController();
  /** Every configuration that was proposed, joint ones included. */
  readonly proposed: string[] = [];
  readonly members: Members;
  readonly changes: MembershipChanges;
  private inForce: Membership;
  private proposals = 0;
  private committed = 0;
  /** How often its status was looked at. */
  looked = 0;
  /** Time goes on. */
  onLook: () => void = () => undefined;
  commitIndex = 10_000;
  pending: Membership | undefined;

  constructor(voters: readonly FoundingMember[], learners: readonly FoundingMember[] = [], lineage?: Lineage) {
    const known = new Map([...voters, ...learners].map((one) => [idOf(one), one]));
    const configuration: Configuration = {
      voters: [new Set(voters.map(idOf)), new Set()],
      learners: new Set(learners.map(idOf)),
      learnersNext: new Set(),
    };
    this.inForce = this.read(encodeMembership(configuration, known, lineage));
    this.members = new Members([this.inForce], new Map(), new Map());
    this.changes = new MembershipChanges({
      replica: this.replica() as Replica,
      members: this.members,
      network: { status: (id) => ({ reachable: !this.unreachable.has(id), reason: '' }) },
      facts: { level: 3, checkLevel: () => undefined },
      // Nobody waits for what is looked at again and again.
      clock: { ...systemClock, monotonicMs: () => this.looked * LOOK_MS },
      logger,
      self: idOf(n1),
      clusterId,
      record: Buffer.from('the record'),
      hasLostPlace: () => this.lostPlace,
      ending: this.ending.signal,
    });
  }

  get votes(): string {
    return [...this.inForce.voters[0]].sort().map(short).join(' ');
  }

  get learns(): string {
    return [...this.inForce.learners].sort().map(short).join(' ');
  }

  private replica(): Partial<Replica> {
    const leader = this;
    return {
      get role() {
        return leader.role;
      },
      get term() {
        return leader.term;
      },
      get configurations() {
        return leader.configurations;
      },
      changeRefusal: (to) =>
        this.pending ? 'another change of the members is under way (entry 9)' : stepRefusal(this.inForce, to),
      lostFor: () => this.lost,
      confirm: async () => undefined,
      hasCommitted: ({ index }) => index === this.committed,
      status: () => {
        this.looked++;
        this.onLook();
        return {
          ...{
            commit: this.commitIndex,
            begunAt: this.begunAt,
            changeSettled: this.settled && this.role === 'leader',
            role: this.role,
          },
          progress: this.progress(),
        } as unknown as ReturnType<Replica['status']>;
      },
      proposeMembers: (payload) => {
        if (this.sealing) return this.refuseToPropose();
        this.proposals++;
        if (this.stalled) this.append(payload);
        else this.commit(payload);
        return { ...emptyLog(clusterId), index: this.proposals, term: this.term };
      },
    };
  }

  /** Another one has led, whose log did not have what this one was about to commit, and by now this one leads again. */
  deposedMeanwhile(): void {
    this.term += 2;
    this.pending = undefined;
    this.members.update(this.configurations);
  }

  private refuseToPropose(): undefined {
    this.asked++;
    // Whoever asks so often in one turn asks for ever.
    if (this.ending.signal.aborted && this.asked > ASKED_MAX) throw new Error('asked for ever');
    return undefined;
  }

  private get configurations(): readonly Membership[] {
    return this.pending ? [this.inForce, this.pending] : [this.inForce];
  }

  /** In its log, and nothing more. */
  private append(payload: Uint8Array): void {
    this.pending = this.read(payload);
    this.members.update(this.configurations);
  }

  /** In force at once, and a joint configuration is left at once. */
  commit(payload: Uint8Array): void {
    this.inForce = this.read(payload);
    this.committed = this.proposals;
    this.proposed.push(`${this.votes}${isJoint(this.inForce) ? ' joint' : ''}`);
    if (isJoint(this.inForce)) this.inForce = this.read(membershipEntries.leaveJoint(this.inForce));
    this.members.update([this.inForce]);
  }

  private read(payload: Uint8Array): Membership {
    return membershipIn({ index: 2, payload: Buffer.from(payload) });
  }

  private progress() {
    return [...this.inForce.members.keys()].map((id) => {
      const recentlyActive = !this.unreachable.has(id);
      return { id, match: this.commitIndex - (this.behind.get(id) ?? 0), recentlyActive, state: 'replicate' };
    });
  }
}

/** What makes these the voters, and nobody else a member. */
function membershipOf(nodes: readonly FoundingMember[]): Uint8Array {
  const voters = [new Set(nodes.map(idOf)), new Set<string>()] as const;
  const known = new Map(nodes.map((one) => [idOf(one), one]));
  return encodeMembership({ voters, learners: new Set(), learnersNext: new Set() }, known, undefined);
}

/** "n2-4": node n2 on directory 4. */
function short(id: string): string {
  return `${id.split('/')[0]}-${Number(id.slice(-2))}`;
}

/** A node that is there and can be added. */
async function joiner(
  nodeId: string,
  directory: number,
  of: Uint8Array = new Uint8Array(0),
  met: (asked: number, me: FoundingMember) => void = () => undefined,
): Promise<FoundingMember> {
  let asked = 0;
  const me = node(nodeId, directory);
  const identify = () => {
    met(++asked, { ...me, peerAddress });
    return { ...me, clusterId: of, members: [], knownFeatureLevel: 3, peerAddress };
  };
  const never = () => Promise.reject(new Error('not asked for'));
  const found = async () => undefined;
  const server = await PeerServer.start(
    '127.0.0.1:0',
    { identify, found, entries: never, join: never, stateDigests: never, state: async function* () {} },
    logger,
  );
  const peerAddress = server.address;
  onTestFinished(() => server.close());
  return { ...me, peerAddress };
}

function asks(leader: Leader, from: FoundingMember, of: Uint8Array = new Uint8Array(0)) {
  return leader.changes.join({ node: from, clusterId: of, knownFeatureLevel: 3 });
}

describe('a node that asks to join', () => {
  it('becomes a learner, and a voter once it has the log (thesis §4.2.1)', async () => {
    const leader = new Leader([n1, n2]);
    const n4 = await joiner('n4', 4);
    leader.behind.set(idOf(n4), 10_000);
    const first = await asks(leader, n4);
    expect([first.voter, first.record.toString(), first.waits]).toEqual([
      false,
      'the record',
      'n4 is a learner, and has yet to catch up',
    ]);
    expect([leader.votes, leader.learns]).toEqual(['n1-1 n2-2', 'n4-4']);
    leader.behind.set(idOf(n4), 0);
    expect((await asks(leader, n4, clusterId)).voter).toBe(true);
    expect([leader.votes, leader.learns]).toEqual(['n1-1 n2-2 n4-4', '']);
  });

  it('votes once it has, a second later, all that was committed when it asked, however few entries that are (thesis §4.2.1)', async () => {
    const leader = new Leader([n1, n2], [n3]);
    const behind = (entries: number) => leader.behind.set(idOf(n3), entries);
    behind(900);
    // It receives as much as is committed meanwhile, and no more: these may be large.
    leader.onLook = () => {
      leader.commitIndex += 40;
    };
    const waits =
      'n3 has not caught up: it is 900 entries behind, and did not receive within a second what had been committed before. Wait a moment, and try again';
    expect(await asks(leader, n3, clusterId)).toMatchObject({ voter: false, waits });
    expect(leader.votes).toBe('n1-1 n2-2');
    // It is never level with its leader, and yet near.
    leader.onLook = () => {
      leader.commitIndex += 50;
    };
    expect(await asks(leader, n3, clusterId)).toMatchObject({ voter: true });
  });

  it('does not become a voter where it was removed, or has become one, since it was found to have caught up [C7]', async () => {
    for (const [voters, told] of [
      [[n1, n2], /n3 is no member any more/],
      [[n1, n2, n3], /n3 is a voter already/],
    ] as const) {
      const leader = new Leader([n1, n2], [n3]);
      leader.sealing = true;
      const asking = asks(leader, n3, clusterId);
      await until('it waits to be proposed', () => leader.asked > 1);
      leader.commit(membershipOf(voters));
      leader.sealing = false;
      expect((await asking).waits).toMatch(told);
      expect(leader.proposed).toHaveLength(1);
    }
  });

  it('does not vote before it has all that stood there before its leader, which may have lost some of it [D7]', async () => {
    const leader = new Leader([n1]);
    const n4 = await joiner('n4', 4);
    await asks(leader, n4);
    // What stands there is not known to be committed yet.
    leader.begunAt = 10_001;
    expect((await asks(leader, n4, clusterId)).waits).toMatch(/n4 has not caught up: it is 0 entries behind/);
    expect(leader.votes).toBe('n1-1');
    leader.commitIndex = 10_001;
    expect((await asks(leader, n4, clusterId)).voter).toBe(true);
  });

  it('takes the place of its former self in one step, where its disk was wiped [D7]', async () => {
    const leader = new Leader([n1, n2, n3]);
    const again = await joiner('n3', 9);
    leader.unreachable.add(idOf(n3));
    await asks(leader, again);
    expect((await asks(leader, again, clusterId)).voter).toBe(true);
    expect(leader.proposed).toEqual(['n1-1 n2-2 n3-3', 'n1-1 n2-2 n3-9 joint']);
    expect(leader.votes).toBe('n1-1 n2-2 n3-9');
  });

  it('goes on voting where it came in by itself while an operator was adding it [C7]', async () => {
    const leader = new Leader([n1]);
    const n4 = await joiner('n4', 4, undefined, (asked, me) => {
      if (asked === 2) leader.commit(membershipOf([n1, me]));
    });
    const adding = leader.changes.change({ kind: 'add', peerAddress: n4.peerAddress });
    await expect(adding).rejects.toThrow(/n4 is being added already/);
    expect([leader.votes, leader.learns]).toEqual(['n1-1 n4-4', '']);
  });

  it('is refused while another node runs under its id [D7]', async () => {
    const leader = new Leader([n1, n2, n3]);
    await expect(asks(leader, await joiner('n3', 9))).rejects.toThrow(
      /n3 is a member already, on another data directory/,
    );
    expect(leader.proposed).toEqual([]);
  });

  it('is refused where its directory is a copy of that of a member [D7]', async () => {
    const leader = new Leader([n1, n2, n3]);
    await expect(asks(leader, await joiner('n4', 2))).rejects.toThrow(/is a copy of that of n2/);
  });

  it('waits where it asks again while its own addition is not committed yet, and is no twin of itself [C7]', async () => {
    const leader = new Leader([n1, n2]);
    leader.stalled = true;
    const n4 = await joiner('n4', 4);
    const first = asks(leader, n4);
    await until('its addition is proposed', () => leader.pending);
    for (const of of [new Uint8Array(0), clusterId]) {
      expect(await asks(leader, n4, of)).toMatchObject({
        voter: false,
        record: new Uint8Array(0),
        waits: 'not now: n4 is being added already. Try again in a moment',
      });
    }
    await expect(asks(leader, await joiner('n5', 4))).rejects.toThrow(/n5 is a copy of that of n4/);
    leader.ending.abort();
    expect((await first).waits).toMatch(/leadership was lost meanwhile/);
  });

  it('is refused where it was removed; another cluster has no say in that, and is passed over [C7]', async () => {
    const leader = new Leader([n1, n2]);
    await expect(asks(leader, n3, clusterId)).rejects.toThrow(/was removed from this cluster/);
    // A member that has lost sight of its leader may ask at an address that now is that of another cluster's node. Were
    // it refused, it would serve nothing any more, also once it is led again.
    const astray = await asks(leader, n3, Buffer.alloc(16, 8));
    expect([astray.record.length, astray.voter]).toEqual([0, false]);
    expect(astray.waits).toMatch(/belongs to cluster 08080808-/);
    expect(leader.proposed).toEqual([]);
  });

  it('is refused for good where a recovery has left it behind, and later changes keep that in mind [R3]', async () => {
    const givenUp = Buffer.alloc(16, 6);
    const lineage = { clusterId, ancestors: [{ clusterId: givenUp, position: 12 }] };
    const leader = new Leader([n1], [], lineage);
    await asks(leader, await joiner('n2', 2));
    expect(leader.members.inForce.lineage?.ancestors.map(({ position }) => position)).toEqual([12]);
    await expect(asks(leader, n3, givenUp)).rejects.toThrow(
      /n3\/.* belongs to cluster 06060606-.*, which was given up .* goes on from its position 12/,
    );
  });

  it('waits where it cannot be reached at the address that it tells', async () => {
    const leader = new Leader([n1, n2]);
    const answer = await asks(leader, node('n4', 4));
    expect(answer.waits).toMatch(/cannot reach 127.0.0.1:1: connection refused.*--peer-advertise of n4/);
    expect(leader.learns).toBe('');
  });
});

describe('a change that waits for a large append to be sealed', () => {
  it('is given up where the node stops: the sealer needs the turns that it would take [C3]', async () => {
    const leader = new Leader([n1], [n2]);
    leader.sealing = true;
    const asking = asks(leader, n2, clusterId);
    await until('it waits', () => leader.asked > 1);
    leader.ending.abort();
    expect((await asking).waits).toBe('the node is stopping. Nothing was changed.');
    expect(leader.proposed).toEqual([]);
  });
});

describe('a member that was started elsewhere', () => {
  it('is recorded there once it answers there, and the voters stay what they are [C7]', async () => {
    const leader = new Leader([n1, n2, n3]);
    const moved = await joiner('n3', 3);
    const answer = await asks(leader, moved, clusterId);
    expect([answer.voter, answer.waits, leader.proposed]).toEqual([true, '', ['n1-1 n2-2 n3-3']]);
    expect(leader.members.byId(idOf(n3))?.recordedAddress).toBe(moved.peerAddress);
    // It says so again, as it cannot know: nothing more is proposed.
    await asks(leader, moved, clusterId);
    expect(leader.proposed).toHaveLength(1);
  });

  it('keeps its place where it is not taken to be there, with the reason', async () => {
    const leader = new Leader([n1, n2, n3]);
    const elsewhere = { ...n3, peerAddress: (await joiner('n4', 4)).peerAddress };
    expect(await asks(leader, elsewhere, clusterId)).toMatchObject({
      voter: true,
      waits: expect.stringMatching(/answers n4\/.*, not n3\/.*set --peer-advertise of n3/),
    });
    expect((await asks(leader, { ...n3, peerAddress: '127.0.0.1:2' }, clusterId)).waits).toMatch(/cannot reach/);
    const sharing = { ...(await joiner('n3', 3)), address: n2.address };
    expect((await asks(leader, sharing, clusterId)).waits).toMatch(/clients reach n2 at 127.0.0.1:2, so not n3/);
    expect(leader.proposed).toEqual([]);
  });

  it('is not recorded where nobody answers, also where it leads: the others would look for it there [C7]', async () => {
    const moved = { ...n1, peerAddress: '127.0.0.1:2' };
    const leader = new Leader([n1, n2]);
    expect((await asks(leader, moved, clusterId)).waits).toMatch(
      /n1 cannot reach 127.0.0.1:2: connection refused.*is --peer-advertise of n1 right/,
    );
    expect(leader.proposed).toEqual([]);
    // Nobody else has to find it.
    const alone = new Leader([n1]);
    expect((await asks(alone, moved, clusterId)).waits).toBe('');
    expect(alone.members.byId(idOf(n1))?.recordedAddress).toBe('127.0.0.1:2');
  });

  it('is moved by an operator, and never to where another node answers, or one of another cluster', async () => {
    const leader = new Leader([n1, n2, n3]);
    const move = (peerAddress: string, name = 'n3') => leader.changes.change({ kind: 'move', name, peerAddress });
    const other = await joiner('n4', 4);
    await expect(move(other.peerAddress)).rejects.toThrow(
      /answers n4\/.*, not n3\/.*Nothing was changed; start n3 there/,
    );
    const wiped = await joiner('n3', 9, clusterId);
    await expect(move(wiped.peerAddress)).rejects.toThrow(/answers n3\/.*09, not n3\/.*03.*on its own data directory/);
    const foreign = await joiner('n3', 3, Buffer.alloc(16, 8));
    await expect(move(foreign.peerAddress)).rejects.toThrow(/belongs to cluster 08080808-.*this is cluster 07070707-/);
    await expect(move('127.0.0.1:1')).rejects.toThrow(/cannot reach 127.0.0.1:1: connection refused/);
    await expect(move('127.0.0.1:1', 'n9')).rejects.toThrow(/n9 is not a member/);
    expect(leader.proposed).toEqual([]);
    const there = await joiner('n3', 3, clusterId);
    await move(there.peerAddress);
    expect([leader.members.byId(idOf(n3))?.peerAddress, leader.votes]).toEqual([there.peerAddress, 'n1-1 n2-2 n3-3']);
  });
});

describe('what an operator asks for', () => {
  it('is done where a leader has removed itself only once it was told by those who are left [C7]', async () => {
    const leader = new Leader([n1, n2]);
    leader.settled = false;
    const removing = leader.changes.change({ kind: 'remove', name: 'n1' }).then(() => 'done');
    // Nobody took over from it in time, or the quorum did not answer: whoever is left may have lost the news.
    leader.role = 'follower';
    const looked = leader.looked;
    const looksOn = until('it looks on', () => leader.looked > looked + 2 && 'looks on');
    expect(await Promise.race([removing, looksOn])).toBe('looks on');
    leader.lostPlace = true;
    expect(await removing).toBe('done');
    expect(leader.votes).toBe('n2-2');
  });

  it('is not told as done where another leader has cut it off, also where it only tells of an address [C7]', async () => {
    const leader = new Leader([n1, n2, n3]);
    leader.stalled = true;
    const there = await joiner('n3', 3, clusterId);
    const moving = leader.changes.change({ kind: 'move', name: 'n3', peerAddress: there.peerAddress });
    await until('it is proposed', () => leader.pending);
    leader.deposedMeanwhile();
    await expect(moving).rejects.toThrow(/leadership was lost meanwhile/);
  });

  it('is refused where the rest could not go on', async () => {
    const leader = new Leader([n1, n2, n3]);
    leader.unreachable.add(idOf(n3));
    await expect(leader.changes.change({ kind: 'remove', name: 'n2' })).rejects.toThrow(
      /stand still: of the voters that it takes, n1 can be reached and n3 cannot/,
    );
    await leader.changes.change({ kind: 'remove', name: 'n3' });
    expect(leader.votes).toBe('n1-1 n2-2');
  });

  it('does not promote a laggard, nor one that does not answer', async () => {
    const leader = new Leader([n1, n2], [n3]);
    leader.behind.set(idOf(n3), 5_000);
    await expect(leader.changes.change({ kind: 'promote', name: 'n3' })).rejects.toThrow(/5000 entries behind/);
    leader.unreachable.add(idOf(n3));
    await expect(leader.changes.change({ kind: 'promote', name: 'n3' })).rejects.toThrow(/does not answer/);
    expect(leader.proposed).toEqual([]);
  });

  it('does not promote one that waits for what the leader itself has lost, and says so [D7]', async () => {
    const leader = new Leader([n1], [n2]);
    leader.lost = { kind: 'belowCommit', index: 40, text: 'entry 40: its checksum is wrong' };
    const told = /n2 cannot catch up, as n1 has lost what it is to receive next.*\(entry 40: its checksum is wrong\)/;
    await expect(leader.changes.change({ kind: 'promote', name: 'n2' })).rejects.toThrow(told);
    // It is a learner all the same, and goes on asking.
    expect((await asks(leader, n2, clusterId)).waits).toMatch(told);
    expect(leader.proposed).toEqual([]);
  });

  it('replaces a member by a learner in one step', async () => {
    const leader = new Leader([n1, n2], [n3]);
    await leader.changes.change({ kind: 'replace', name: 'n2', by: 'n3' });
    expect([leader.proposed, leader.votes]).toEqual([['n1-1 n3-3 joint'], 'n1-1 n3-3']);
  });

  it('does not remove the only voter', async () => {
    const leader = new Leader([n1], [n2]);
    await expect(leader.changes.change({ kind: 'remove', name: 'n1' })).rejects.toThrow(/only voter/);
  });
});
