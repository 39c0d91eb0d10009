import { invalid } from '../base/errors.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { leaveJoint } from '../raft/changer.ts';
import { allMembers } from '../raft/configuration.ts';
import type { Configuration, MemberId } from '../raft/types.ts';
import type { EntryRecord } from '../storage/record.ts';
import { decodeFoundingRecord, decodeMember, type FoundingMember, writeMember } from './founding-codec.ts';
import { memberId } from './identity.ts';
import { decodeLineage, type Lineage, writeLineage } from './lineage.ts';

/** A configuration, and who its members are: what a membership entry of the log says. */
export interface Membership extends Configuration {
  readonly members: ReadonlyMap<MemberId, FoundingMember>;
  /** Undefined: the cluster is the one that was founded. */
  readonly lineage: Lineage | undefined;
}

const Field = { member: 1, lineage: 2, begins: 3 } as const;
const MemberField = { node: 1, incoming: 2, outgoing: 3, learner: 4, learnerNext: 5 } as const;
/** The founding record stands there, in which all are voters. */
const FOUNDING_INDEX = 1;

/** What a membership entry says. Ends in INVALID_ARGUMENT where its payload is not one. */
export function membershipIn({ index, payload }: Pick<EntryRecord, 'index' | 'payload'>): Membership {
  if (index > FOUNDING_INDEX) return decodeMembership(payload);
  const founders = decodeFoundingRecord(payload).members.map((node) => [idOf(node), node] as const);
  const none = new Set<MemberId>();
  const voters = [new Set(founders.map(([id]) => id)), none] as const;
  return { voters, learners: none, learnersNext: none, members: new Map(founders), lineage: undefined };
}

/** The payload that puts a configuration in force; of its members, `known` tells who they are. */
export function encodeMembership(
  to: Configuration,
  known: ReadonlyMap<MemberId, FoundingMember>,
  lineage: Lineage | undefined,
): Buffer {
  const writer = new MessageWriter();
  for (const id of [...allMembers(to)].sort()) {
    const node = known.get(id);
    if (!node) throw new Error(`nobody knows who ${id} is`);
    writer.nested(Field.member, (nested) =>
      nested
        .nested(MemberField.node, (inner) => writeMember(inner, node))
        .bool(MemberField.incoming, to.voters[0].has(id))
        .bool(MemberField.outgoing, to.voters[1].has(id))
        .bool(MemberField.learner, to.learners.has(id))
        .bool(MemberField.learnerNext, to.learnersNext.has(id)),
    );
  }
  if (lineage) writer.nested(Field.lineage, (nested) => writeLineage(nested, lineage));
  return writer.bool(Field.begins, to.begins === true).finish();
}

function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new MessageReader('Membership', bytes);
  const members = new Map<MemberId, FoundingMember>();
  const [incoming, outgoing, learners, learnersNext] = [0, 1, 2, 3].map(() => new Set<MemberId>()) as Sets;
  let lineage: Lineage | undefined;
  let begins = false;
  const take = ({ node, roles }: ReturnType<typeof decodeRoles>) => {
    const id = idOf(node);
    if (members.has(id)) throw invalid('members', `a membership entry names ${id} twice`);
    members.set(id, node);
    if (roles.has(MemberField.incoming)) incoming.add(id);
    if (roles.has(MemberField.outgoing)) outgoing.add(id);
    if (roles.has(MemberField.learner)) learners.add(id);
    if (roles.has(MemberField.learnerNext)) learnersNext.add(id);
  };
  while (reader.next()) {
    if (reader.field === Field.member) take(decodeRoles(reader.nested(`members[${members.size}]`, 'MembershipMember')));
    else if (reader.field === Field.lineage) lineage = decodeLineage(reader.nested('lineage', 'Lineage'));
    else if (reader.field === Field.begins) begins = reader.bool('begins');
    else throw reader.foreign();
  }
  return { voters: [incoming, outgoing], learners, learnersNext, members, lineage, ...(begins && { begins }) };
}

type Sets = [Set<MemberId>, Set<MemberId>, Set<MemberId>, Set<MemberId>];

function decodeRoles(reader: MessageReader): { node: FoundingMember; roles: ReadonlySet<number> } {
  const roles = new Set<number>();
  let node: FoundingMember | undefined;
  while (reader.next()) {
    if (reader.field === MemberField.node) node = decodeMember(reader.nested('node', 'FoundingMember'));
    else if (reader.field <= MemberField.learnerNext && reader.bool('role')) roles.add(reader.field);
  }
  if (!node) throw invalid(`${reader.path}node`, 'is missing');
  return { node, roles };
}

/** How the replica reads and writes membership entries. */
export const membershipEntries = {
  read: membershipIn,
  // What `read` gave is what the core keeps.
  leaveJoint: (joint: Configuration) => {
    const { members, lineage } = joint as Membership;
    return encodeMembership(leaveJoint(joint), members, lineage);
  },
};

/** The member that a node is. */
export function idOf(node: FoundingMember): MemberId {
  return memberId(node.nodeId, node.directoryId);
}
