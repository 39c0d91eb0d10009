import { expect, it } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { Members } from '../../src/node/members.ts';
import type { FoundingMember } from '../../src/peer/founding-codec.ts';
import { memberId } from '../../src/peer/identity.ts';
import type { Membership } from '../../src/peer/membership-codec.ts';

const IDS = ['n1', 'n2', 'n3', 'n4'];

function membersOf(ids: readonly string[], addresses: ReadonlyMap<string, string> = new Map()): Members {
  const named = ids.map((nodeId): [string, FoundingMember] => [
    nodeId,
    { nodeId, directoryId: new Uint8Array(16), address: `${nodeId}:2113`, peerAddress: `${nodeId}:2114` },
  ]);
  const nobody = new Set<string>();
  const membership: Membership = {
    voters: [new Set(ids), nobody],
    learners: nobody,
    learnersNext: nobody,
    members: new Map(named),
    lineage: undefined,
  };
  return new Members([membership], addresses, new Map());
}

it('who is asked for entries: the other followers that may be, then the leader [C5]', () => {
  const asked = membersOf(IDS).peersBut('n4', 'n1', (member) => member !== 'n2');
  expect([...asked]).toEqual([
    ['n3', ['n3:2114']],
    ['n1', ['n1:2114']],
  ]);
});

it('a leader that is no member any more is not asked [C5]', () => {
  const asked = membersOf(['n1', 'n2']).peersBut('n2', 'n9', () => true);
  expect([...asked.keys()]).toEqual(['n1']);
});

it('an address that is given now goes before the one in the log', () => {
  const asked = membersOf(IDS, new Map([['n3', 'elsewhere:9']])).peersBut('n1', 'n3', () => false);
  expect([...asked]).toEqual([['n3', ['elsewhere:9', 'n3:2114']]]);
});

const directoryId = uuidBytes('00000000-0000-4000-8000-000000000001') as Uint8Array;
const id = memberId('n1', directoryId);

function recordedAt(peerAddress: string): Membership {
  const node = { nodeId: 'n1', directoryId, address: 'clients:1', peerAddress };
  const none = new Set<string>();
  return {
    voters: [new Set([id]), none],
    learners: none,
    learnersNext: none,
    members: new Map([[id, node]]),
    lineage: undefined,
  };
}

function dialled(recorded: string, given?: string, founded = 'founded:1') {
  const settings = new Map(given === undefined ? [] : [['n1', given]]);
  const members = new Members([recordedAt(recorded)], settings, new Map([['n1', founded]]));
  const { peerAddress, otherAddress } = members.byId(id) ?? {};
  return [peerAddress, otherAddress];
}

it('a member is dialled where the settings say, and where the log says after a change of its address', () => {
  expect(dialled('founded:1')).toEqual(['founded:1', undefined]);
  expect(dialled('founded:1', 'given:1')).toEqual(['given:1', undefined]);
  // The settings of this node may not have been told that it moved; or all have moved since, and only they have.
  expect(dialled('moved:1', 'given:1')).toEqual(['moved:1', 'given:1']);
  expect(dialled('moved:1')).toEqual(['moved:1', undefined]);
});

it('a cluster that a recovery has begun goes on in steps: what is in force does not begin it again [R3]', () => {
  const members = new Members([{ ...recordedAt('founded:1'), begins: true }], new Map(), new Map());
  expect(members.inForce).not.toHaveProperty('begins');
  members.update([{ ...recordedAt('founded:1'), begins: true }]);
  expect(members.inForce).not.toHaveProperty('begins');
});
