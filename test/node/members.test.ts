import { expect, it } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { Members } from '../../src/node/members.ts';
import { memberId } from '../../src/peer/identity.ts';
import type { Membership } from '../../src/peer/membership-codec.ts';

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
