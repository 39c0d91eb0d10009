import { assert } from '../base/assert.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import { varintLength } from '../model/wire.ts';
import type { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { type Acknowledged, type Entry, EntryType } from '../raft/types.ts';
import type { MemberClock, PeerMessage } from '../replica/ports.ts';
import { EntryRecord, recordDamage } from '../storage/record.ts';
import type { Ends } from './codec.ts';

/** The numbers of factstore.peer.v1.RaftMessageType. */
const TYPE = {
  append: 1,
  appendResponse: 2,
  heartbeat: 3,
  heartbeatResponse: 4,
  preVote: 5,
  preVoteResponse: 6,
  vote: 7,
  voteResponse: 8,
  readIndex: 9,
  readIndexResponse: 10,
  timeoutNow: 11,
} as const satisfies Record<PeerMessage['type'], number>;

const Field = {
  type: 1,
  term: 2,
  index: 3,
  logTerm: 4,
  commit: 5,
  reject: 6,
  rejectHint: 7,
  context: 8,
  applied: 9,
  transfer: 10,
  clockUs: 11,
  entries: 12,
  acknowledged: 13,
  loadMax: 14,
  clocks: 15,
} as const;

/** About how many bytes the message takes, rounded up. */
export function raftSize(message: PeerMessage): number {
  let size = 112;
  if (message.type === 'append') for (const entry of message.entries ?? []) size += entry.bytes + 16;
  return size;
}

export const ENTRIES_FIELD = Field.entries;

/** The fields of a RaftMessage but for its entries. */
export function encodeRaftHeader(message: PeerMessage, clockUs: number): Buffer {
  const writer = new MessageWriter(112).uint(Field.type, TYPE[message.type]).uint(Field.term, message.term);
  switch (message.type) {
    case 'append':
      writer.uint(Field.index, message.index).uint(Field.logTerm, message.logTerm).uint(Field.commit, message.commit);
      if (message.entries !== undefined) break;
      assert(message.loadMax > 0, 'an append was handed to the network without its entries');
      writer.uint(Field.loadMax, message.loadMax);
      break;
    case 'appendResponse':
      writer.uint(Field.index, message.index).uint(Field.logTerm, message.logTerm).bool(Field.reject, message.reject);
      writer.uint(Field.rejectHint, message.rejectHint).uint(Field.applied, message.applied);
      break;
    case 'heartbeat':
      writer.uint(Field.commit, message.commit).uint(Field.context, message.context).uint(Field.clockUs, clockUs);
      for (const { member, index } of message.acknowledged) {
        writer.nested(Field.acknowledged, (nested) => nested.text(1, member).uint(2, index));
      }
      for (const clock of message.clocks ?? []) writer.nested(Field.clocks, (nested) => writeClock(nested, clock));
      break;
    case 'heartbeatResponse':
      writer.uint(Field.context, message.context).uint(Field.applied, message.applied).uint(Field.clockUs, clockUs);
      break;
    case 'preVote':
    case 'vote':
      writer.uint(Field.index, message.index).uint(Field.logTerm, message.logTerm);
      writer.bool(Field.transfer, message.transfer);
      break;
    case 'preVoteResponse':
    case 'voteResponse':
      writer.bool(Field.reject, message.reject);
      break;
    case 'readIndex':
      writer.uint(Field.context, message.context);
      break;
    case 'readIndexResponse':
      writer.uint(Field.index, message.index).bool(Field.reject, message.reject).uint(Field.context, message.context);
      break;
    case 'timeoutNow':
  }
  return writer.finish();
}

/** The bytes of the entries; none where the append names them only. They are sealed: anything else is a bug. */
export function sealedEntries(entries: readonly Entry<EntryRecord>[] = []): Buffer[] {
  return entries.map((entry) => {
    assert(entry.payload, () => `entry ${entry.index} was handed to the network before it was sealed`);
    return entry.payload.bytes;
  });
}

/** What stands before an entry: its tag and its length. */
export function entryFieldHeader(bytes: Buffer): Buffer {
  return new MessageWriter(16).dataHeader(ENTRIES_FIELD, bytes.length).finish();
}

/** How many bytes an entry takes with its tag (one byte) and its length. */
export function entryFieldLength(bytes: Buffer): number {
  return 1 + varintLength(bytes.length) + bytes.length;
}

/** All fields of a RaftMessage, before its type decides which of them it uses. */
class RaftFields {
  type = 0;
  term = 0;
  index = 0;
  logTerm = 0;
  commit = 0;
  reject = false;
  rejectHint = 0;
  context = 0;
  applied = 0;
  transfer = false;
  clockUs = 0;
  loadMax = 0;
  readonly entries: Buffer[] = [];
  readonly acknowledged: Acknowledged[] = [];
  readonly clocks: MemberClock[] = [];
}

/** Reads a RaftMessage. Fields that are not known are passed over: a later version may add some. */
export function decodeRaft(
  reader: MessageReader,
  bytes: Buffer,
  ends: Ends,
): { message: PeerMessage; clockUs: number } {
  const fields = new RaftFields();
  while (reader.next()) readField(reader, bytes, fields);
  return { message: messageOf(fields, ends), clockUs: fields.clockUs };
}

function readField(reader: MessageReader, bytes: Buffer, fields: RaftFields): void {
  switch (reader.field) {
    case Field.type:
      fields.type = reader.uint('type');
      break;
    case Field.term:
      fields.term = reader.uint('term');
      break;
    case Field.index:
      fields.index = reader.uint('index');
      break;
    case Field.logTerm:
      fields.logTerm = reader.uint('log_term');
      break;
    case Field.commit:
      fields.commit = reader.uint('commit');
      break;
    case Field.reject:
      fields.reject = reader.bool('reject');
      break;
    case Field.rejectHint:
      fields.rejectHint = reader.uint('reject_hint');
      break;
    case Field.context:
      fields.context = reader.uint('context');
      break;
    case Field.applied:
      fields.applied = reader.uint('applied');
      break;
    case Field.transfer:
      fields.transfer = reader.bool('transfer');
      break;
    case Field.clockUs:
      fields.clockUs = reader.uint('clock_us');
      break;
    case Field.entries:
      reader.data('entries');
      fields.entries.push(bytes.subarray(reader.start, reader.stop));
      break;
    case Field.acknowledged:
      fields.acknowledged.push(decodeAcknowledged(reader.nested('acknowledged', 'Acknowledged')));
      break;
    case Field.loadMax:
      fields.loadMax = reader.uint('load_max');
      break;
    case Field.clocks:
      fields.clocks.push(decodeClock(reader.nested('clocks', 'MemberClock')));
  }
}

function decodeAcknowledged(reader: MessageReader): Acknowledged {
  const acknowledged = { member: '', index: 0 };
  while (reader.next()) {
    if (reader.field === 1) acknowledged.member = reader.text('member');
    else if (reader.field === 2) acknowledged.index = reader.uint('index');
  }
  return acknowledged;
}

function writeClock(writer: MessageWriter, { member, aheadUs, ageMs }: MemberClock): void {
  writer.text(1, member).uint(2, Math.max(0, aheadUs)).uint(3, Math.max(0, -aheadUs)).uint(4, ageMs);
}

function decodeClock(reader: MessageReader): MemberClock {
  const clock = { member: '', aheadUs: 0, ageMs: 0 };
  while (reader.next()) {
    if (reader.field === 1) clock.member = reader.text('member');
    else if (reader.field === 2) clock.aheadUs += reader.uint('ahead_us');
    else if (reader.field === 3) clock.aheadUs -= reader.uint('behind_us');
    else if (reader.field === 4) clock.ageMs = reader.uint('age_ms');
  }
  return clock;
}

function messageOf(fields: RaftFields, ends: Ends): PeerMessage {
  const { term, index, logTerm, commit, reject, rejectHint, context, applied, transfer, loadMax } = fields;
  const { from, to } = ends;
  switch (fields.type) {
    case TYPE.append:
      return { type: 'append', from, to, term, index, logTerm, commit, entries: appended(fields), loadMax };
    case TYPE.appendResponse:
      return { type: 'appendResponse', from, to, term, index, reject, rejectHint, logTerm, applied };
    case TYPE.heartbeat:
      return {
        type: 'heartbeat',
        from,
        to,
        term,
        commit,
        context,
        acknowledged: fields.acknowledged,
        clocks: fields.clocks,
      };
    case TYPE.heartbeatResponse:
      return { type: 'heartbeatResponse', from, to, term, context, applied };
    case TYPE.preVote:
      return { type: 'preVote', from, to, term, index, logTerm, transfer };
    case TYPE.preVoteResponse:
      return { type: 'preVoteResponse', from, to, term, reject };
    case TYPE.vote:
      return { type: 'vote', from, to, term, index, logTerm, transfer };
    case TYPE.voteResponse:
      return { type: 'voteResponse', from, to, term, reject };
    case TYPE.readIndex:
      return { type: 'readIndex', from, to, term, context };
    case TYPE.readIndexResponse:
      return { type: 'readIndexResponse', from, to, term, context, index, reject };
    case TYPE.timeoutNow:
      return { type: 'timeoutNow', from, to, term };
    default:
      throw invalid('raft.type', `${fields.type} is not a type that is known here`);
  }
}

/** Undefined: the append names a committed range, which the receiver gets elsewhere. */
function appended(fields: RaftFields): Entry<EntryRecord>[] | undefined {
  if (fields.loadMax === 0) return entriesOf(fields);
  if (fields.entries.length > 0) throw invalid('raft.load_max', 'an append either carries entries or names them');
  if (fields.loadMax > fields.commit - fields.index) throw invalid('raft.load_max', 'names more than is committed');
  return undefined;
}

/** The entries of an append; each must be whole and stand at its place. Their chain is checked where they are used. */
function entriesOf(fields: RaftFields): Entry<EntryRecord>[] {
  return fields.entries.map((bytes, i) => {
    const index = fields.index + 1 + i;
    if (!Number.isSafeInteger(index)) throw invalid('raft.index', `${fields.index} leaves no room for entries`);
    const damage = recordDamage(index, bytes);
    if (damage) throw damaged(index, damage);
    const record = new EntryRecord(index, bytes);
    const { type, term } = record;
    if (!KNOWN_TYPES.has(type)) throw damaged(index, `its type ${type} is not known here`);
    if (!Number.isSafeInteger(term)) throw damaged(index, 'its term is out of range');
    return { index, term, type, bytes: bytes.length, payload: record };
  });
}

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(EntryType));

function damaged(index: number, damage: string): FactstoreError {
  return new FactstoreError('DATA_LOSS', `entry ${index} arrived damaged: ${damage}`, { index });
}
