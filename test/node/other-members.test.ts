import { describe, expect, test } from 'vitest';
import { uuidText } from '../../src/base/bytes.ts';
import { nodeOptionsSchema } from '../../src/config/options.ts';
import type { NodeStorage } from '../../src/node/open-storage.ts';
import { isNoMember, otherMembers, someoneElseHas, votesAlone } from '../../src/node/other-members.ts';
import type { FoundingMember } from '../../src/peer/founding-codec.ts';
import { memberId } from '../../src/peer/identity.ts';
import { encodeMembership } from '../../src/peer/membership-codec.ts';
import { type EntryRecord, sealMembership } from '../../src/storage/record.ts';
import { EMPTY_LOG, entriesAfter } from '../storage/support.ts';

const node = (nodeId: string, directory: number): FoundingMember => ({
  ...{ nodeId, directoryId: Buffer.alloc(16, directory), address: '', peerAddress: 'a:1' },
});
const [n1, n2] = [node('n1', 1), node('n2', 2)];
const idOf = ({ nodeId, directoryId }: FoundingMember) => memberId(nodeId, directoryId);
const SELF = {
  ...{ format: 1, clusterId: null, incarnation: 1 },
  ...{ nodeId: n1.nodeId, directoryId: uuidText(n1.directoryId) },
};

/** A membership entry. */
function members(voters: readonly FoundingMember[], learners: readonly FoundingMember[]): EntryRecord {
  const configuration = {
    voters: [new Set(voters.map(idOf)), new Set<string>()] as const,
    learners: new Set(learners.map(idOf)),
    learnersNext: new Set<string>(),
  };
  const known = new Map([...voters, ...learners].map((one) => [idOf(one), one]));
  const [founding] = entriesAfter(EMPTY_LOG, 1) as [EntryRecord];
  return sealMembership(1, founding, encodeMembership(configuration, known, undefined));
}

const alone = (...memberships: EntryRecord[]) => votesAlone({ memberships } as unknown as NodeStorage, SELF as never);

describe('a node votes alone', () => {
  test('beside learners; not under a change that is under way, nor as a learner itself, nor where nothing is known [D7]', () => {
    expect(alone(members([n1], [n2]))).toBe(true);
    expect(alone(members([n1], [n2]), members([n1, n2], []))).toBe(false);
    expect(alone(members([n2], [n1]))).toBe(false);
    // Another directory of the same node is another member.
    expect(alone(members([node('n1', 9)], [n1]))).toBe(false);
    expect(alone()).toBe(false);
  });
});

test('a founder is no member any more where neither what is in force nor a change under way names it (DESIGN §6)', () => {
  const gone = (...memberships: EntryRecord[]) => isNoMember({ memberships } as unknown as NodeStorage, idOf(n2));
  expect(gone(members([n1], []))).toBe(true);
  // It has come back on another disk.
  expect(gone(members([n1, node('n2', 9)], []))).toBe(true);
  expect(gone(members([n1], [n2]))).toBe(false);
  expect(gone(members([n1], []), members([n1], [n2]))).toBe(false);
  expect(gone()).toBe(false);
});

test('an entry is had by whoever has acknowledged it or one behind it, oneself aside [D7]', () => {
  const status = (matchIndex: number) => ({
    members: [
      { nodeId: 'n1', matchIndex: 500 },
      { nodeId: 'n2', matchIndex },
    ],
  });
  expect(someoneElseHas(40, 'n1', status(40))).toBe(true);
  expect(someoneElseHas(40, 'n1', status(39))).toBe(false);
  expect(someoneElseHas(40, 'n1', {})).toBe(false);
});

describe('whom a node asks for what it has lost', () => {
  const options = nodeOptionsSchema.parse({ nodeId: 'n1', cluster: 'n1=a:1,n2=b:1,n9=c:1' });
  const asked = (...memberships: EntryRecord[]) => {
    const storage = { memberships, foundingBytes: Buffer.of(1), founding: { members: [n1, n2] } };
    return [...otherMembers(options, storage as unknown as NodeStorage)];
  };

  test('members alone, at their recorded address and at that of --cluster, a recorded move first [D7]', () => {
    expect(asked(members([n1, { ...n2, peerAddress: 'd:1' }], []))).toEqual([['n2', ['d:1', 'b:1']]]);
    expect(asked(members([n1, n2], []))).toEqual([['n2', ['b:1', 'a:1']]]);
    expect(asked(members([n1], []))).toEqual([]);
  });

  test('both directories of a node, of which one takes the place of the other [D7]', () => {
    const again = { ...node('n2', 9), peerAddress: 'e:1' };
    expect(asked(members([n1, n2], [again]))).toEqual([['n2', ['b:1', 'a:1', 'e:1']]]);
  });

  test('whoever --cluster names, where no row tells of the members [D7]', () => {
    const named = [
      ['n2', ['b:1']],
      ['n9', ['c:1']],
    ];
    expect(asked()).toEqual(named);
    expect([...otherMembers(options, undefined)]).toEqual(named);
  });
});
