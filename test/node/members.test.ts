import { expect, it } from 'vitest';
import { Members } from '../../src/node/members.ts';
import type { FoundingMember } from '../../src/peer/founding-codec.ts';
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
  };
  return new Members([membership], addresses);
}

it('who is asked for entries: the other followers that may be, then the leader [C5]', () => {
  const asked = membersOf(IDS).peersBut('n4', 'n1', (member) => member !== 'n2');
  expect([...asked]).toEqual([
    ['n3', 'n3:2114'],
    ['n1', 'n1:2114'],
  ]);
});

it('a leader that is no member any more is not asked [C5]', () => {
  const asked = membersOf(['n1', 'n2']).peersBut('n2', 'n9', () => true);
  expect([...asked.keys()]).toEqual(['n1']);
});

it('an address that is given now goes before the one in the log', () => {
  const asked = membersOf(IDS, new Map([['n3', 'elsewhere:9']])).peersBut('n1', 'n3', () => false);
  expect([...asked]).toEqual([['n3', 'elsewhere:9']]);
});
