import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { decodeStreamMessage, encodeGreetingMessage, encodeRaftMessage, type Greeting } from '../../src/peer/codec.ts';
import {
  decodeEntriesRequest,
  decodeEntriesResponse,
  encodeEntriesRequest,
  encodeEntriesResponse,
} from '../../src/peer/entries.ts';
import {
  decodeForwardRequest,
  decodeForwardResponse,
  encodeForwardRequest,
  encodeForwardResponse,
} from '../../src/peer/forward-codec.ts';
import {
  decodeFoundingRecord,
  decodeFoundRequest,
  decodeIdentification,
  decodeIdentifyRequest,
  encodeFoundingRecord,
  encodeFoundRequest,
  encodeIdentification,
  encodeIdentifyRequest,
} from '../../src/peer/founding-codec.ts';
import { memberId } from '../../src/peer/identity.ts';
import {
  decodeJoinRequest,
  decodeJoinResponse,
  encodeJoinRequest,
  encodeJoinResponse,
} from '../../src/peer/join-codec.ts';
import { encodeMembership, membershipIn } from '../../src/peer/membership-codec.ts';
import { type Part, PartsAssembly } from '../../src/peer/message-parts.ts';
import { decodeStatePiece, decodeStateRequest } from '../../src/peer/states.ts';
import { peerService as reflected } from '../../src/proto/load.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import { append, record } from './support.ts';

const ends = { from: 'n1/x', to: 'n2/y' };
const uint = fc.maxSafeNat();
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const level = fc.integer({ min: 1, max: 0xffff_ffff });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });

const WIRE_NAMES: Record<PeerMessage['type'], string> = {
  append: 'APPEND',
  appendResponse: 'APPEND_RESPONSE',
  heartbeat: 'HEARTBEAT',
  heartbeatResponse: 'HEARTBEAT_RESPONSE',
  preVote: 'PRE_VOTE',
  preVoteResponse: 'PRE_VOTE_RESPONSE',
  vote: 'VOTE',
  voteResponse: 'VOTE_RESPONSE',
  readIndex: 'READ_INDEX',
  readIndexResponse: 'READ_INDEX_RESPONSE',
  timeoutNow: 'TIMEOUT_NOW',
};

const raftMessage: fc.Arbitrary<PeerMessage> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(WIRE_NAMES) as PeerMessage['type'][])),
    term: uint,
    index: fc.nat(1_000_000),
    logTerm: uint,
    commit: uint,
    reject: fc.boolean(),
    rejectHint: uint,
    context: uint,
    applied: uint,
    transfer: fc.boolean(),
    payloads: fc.array(fc.string({ maxLength: 300 }), { maxLength: 4 }),
    acknowledged: fc.array(fc.record({ member: name, index: uint }), { maxLength: 3 }),
    clocks: fc.array(fc.record({ member: name, aheadUs: fc.integer(), ageMs: fc.nat() }), { maxLength: 3 }),
  })
  .map((all) => {
    const { type, term, index, logTerm, commit, reject, rejectHint, context, applied, transfer } = all;
    const { payloads, acknowledged, clocks } = all;
    const envelope = { ...ends, term };
    switch (type) {
      case 'append': {
        const records = payloads.map((payload, i) => record(index + 1 + i, payload));
        const carrying = { ...append(ends.from, ends.to, index, records), term, logTerm, commit } as PeerMessage;
        // One without entries may name those that are committed.
        const named = records.length === 0 && transfer ? commit - index : 0;
        return named > 0 ? ({ ...carrying, entries: undefined, loadMax: named } as PeerMessage) : carrying;
      }
      case 'appendResponse':
        return { ...envelope, type, index, reject, rejectHint, logTerm, applied };
      case 'heartbeat':
        return { ...envelope, type, commit, context, acknowledged, clocks };
      case 'heartbeatResponse':
        return { ...envelope, type, context, applied };
      case 'preVote':
      case 'vote':
        return { ...envelope, type, index, logTerm, transfer };
      case 'preVoteResponse':
      case 'voteResponse':
        return { ...envelope, type, reject };
      case 'readIndex':
        return { ...envelope, type, context };
      case 'readIndexResponse':
        return { ...envelope, type, context, index, reject };
      default:
        return { ...envelope, type: 'timeoutNow' };
    }
  });

const greeting: fc.Arbitrary<Greeting> = fc.record({
  clusterId: id,
  nodeId: name,
  directoryId: id,
  incarnation: uint,
  processId: id,
  protocolVersion: fc.nat(),
  to: name,
  bulk: fc.boolean(),
  logIndex: uint,
  featureLevel: uint32,
  knownFeatureLevel: uint32,
  membershipIndex: uint,
  peerAddress: name,
});

const member = fc.record({ nodeId: name, directoryId: id, address: name, peerAddress: name });
const members = fc.uniqueArray(member, {
  minLength: 1,
  maxLength: 4,
  comparator: (a, b) => a.nodeId === b.nodeId || Buffer.compare(a.directoryId, b.directoryId) === 0,
});

/** Buffers and Uint8Arrays with the same bytes are the same. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** A message that goes in one piece. */
function encoded(message: PeerMessage, clockUs: number): Buffer {
  const [bytes, ...more] = encodeRaftMessage(message, clockUs);
  expect(more).toEqual([]);
  return bytes!;
}

/** What protobufjs' reflection calls the fields of a RaftMessage. */
function reflectedRaft(message: PeerMessage, clockUs: number): Record<string, unknown> {
  const { from: _, to: __, type, ...fields } = message;
  const rest: Record<string, unknown> = { ...fields };
  if (message.type === 'append') {
    rest.loadMax = message.entries ? 0 : message.loadMax;
    rest.entries = (message.entries ?? []).map((entry) => entry.payload?.bytes);
  }
  if (type === 'heartbeat' || type === 'heartbeatResponse') rest.clockUs = clockUs;
  if (message.type === 'heartbeat') {
    rest.clocks = (message.clocks ?? []).map(({ member, aheadUs, ageMs }) => {
      return { member, aheadUs: Math.max(0, aheadUs), behindUs: Math.max(0, 0 - aheadUs), ageMs };
    });
  }
  return { ...rest, type: WIRE_NAMES[type] };
}

describe('the codec of the peer protocol agrees with peer.proto', () => {
  test('Raft messages, both ways', () => {
    fc.assert(
      fc.property(raftMessage, uint, (message, clock) => {
        const clockUs = message.type === 'heartbeat' || message.type === 'heartbeatResponse' ? clock : 0;
        const mine = encoded(message, clockUs);
        const theirs = reflected.Messages.requestDeserialize(mine);
        expect(theirs.message).toBe('raft');
        expect(plain(theirs.raft)).toMatchObject(plain(reflectedRaft(message, clockUs)) as object);

        const theirBytes = reflected.Messages.requestSerialize({ raft: reflectedRaft(message, clockUs) as never });
        const back = decodeStreamMessage(theirBytes, ends);
        expect(plain(back)).toEqual(plain({ kind: 'raft', message, clockUs }));
      }),
    );
  });

  test('a large Raft message goes in parts, none of them large, that are the same message back to back [C3]', () => {
    const message = append(ends.from, ends.to, 6, [
      record(7),
      record(8, 'x'.repeat(5 << 20)),
      record(9, 'y'.repeat(1 << 20)),
    ]);
    const pieces = [...encodeRaftMessage(message, 0)];
    expect(pieces.length).toBe(7);
    const parts = new PartsAssembly();
    let whole: Buffer | undefined;
    for (const piece of pieces) {
      expect(whole).toBeUndefined();
      expect(piece.length).toBeLessThan((1 << 20) + 64);
      const theirs = reflected.Messages.requestDeserialize(piece);
      expect(theirs.message).toBe('part');
      const part = decodeStreamMessage(piece, ends) as { kind: 'part' } & Part;
      expect(Buffer.compare(part.bytes, theirs.part!.bytes as Buffer)).toBe(0);
      whole = parts.add(part);
    }
    const back = decodeStreamMessage(whole!, ends);
    const entriesOf = (one: PeerMessage) => (one.type === 'append' ? (one.entries ?? []) : []);
    const received = back.kind === 'raft' ? entriesOf(back.message) : [];
    expect(received.map(({ index }) => index)).toEqual([7, 8, 9]);
    for (const [n, { payload }] of entriesOf(message).entries()) {
      expect(Buffer.compare(received[n]!.payload!.bytes, payload!.bytes)).toBe(0);
    }
  });

  test('greetings, both ways', () => {
    fc.assert(
      fc.property(greeting, (all) => {
        const theirs = reflected.Messages.requestDeserialize(encodeGreetingMessage(all));
        expect(plain(theirs)).toEqual(plain({ greeting: all, message: 'greeting' }));
        const encoded = reflected.Messages.requestSerialize({ greeting: all as never });
        expect(plain(decodeStreamMessage(encoded, ends))).toEqual(plain({ kind: 'greeting', greeting: all }));
      }),
    );
  });

  test('identification and founding, both ways', () => {
    const { Identify, Found } = reflected;
    fc.assert(
      fc.property(member, members, id, uint, level, (me, all, clusterId, createdUs, featureLevel) => {
        const node = { ...me, clusterId, members: all, knownFeatureLevel: featureLevel };
        expect(plain(Identify.responseDeserialize(encodeIdentification(node)))).toEqual(plain(node));
        expect(plain(decodeIdentification(Identify.responseSerialize(node as never)))).toEqual(plain(node));
        expect(Identify.requestDeserialize(encodeIdentifyRequest(me.nodeId)).nodeId).toBe(me.nodeId);
        expect(decodeIdentifyRequest(Identify.requestSerialize({ nodeId: me.nodeId }))).toBe(me.nodeId);

        const bytes = encodeFoundingRecord({ clusterId, members: all, createdUs, featureLevel });
        expect(plain(decodeFoundingRecord(bytes))).toEqual(plain({ clusterId, members: all, createdUs, featureLevel }));
        const admission = { record: bytes, clusterId };
        expect(plain(Found.requestDeserialize(encodeFoundRequest(admission)))).toEqual(plain(admission));
        expect(plain(decodeFoundRequest(Found.requestSerialize(admission as never)))).toEqual(plain(admission));
      }),
    );
  });

  test('joining, both ways', () => {
    const { Join } = reflected;
    fc.assert(
      fc.property(member, id, level, fc.boolean(), fc.string(), (node, clusterId, knownFeatureLevel, voter, text) => {
        const request = { node, clusterId, knownFeatureLevel };
        expect(plain(Join.requestDeserialize(encodeJoinRequest(request)))).toEqual(plain(request));
        const answer = { record: Buffer.from(text), voter, leader: text, waits: text, clusterId };
        expect(plain(Join.responseDeserialize(encodeJoinResponse(answer)))).toEqual(plain(answer));
        expect(plain(decodeJoinResponse(Join.responseSerialize(answer as never)))).toEqual(plain(answer));
      }),
    );
  });

  test('a membership entry keeps its members, what they are, and the lineage of the cluster [R3]', () => {
    fc.assert(
      fc.property(
        members,
        id,
        fc.array(fc.record({ clusterId: id, position: uint })),
        fc.boolean(),
        (all, cluster, ancestors, begins) => {
          const known = new Map(all.map((one) => [memberId(one.nodeId, one.directoryId), one]));
          const [first, ...rest] = known.keys();
          const to = {
            voters: [new Set([first!]), new Set<string>()] as const,
            learners: new Set(rest),
            learnersNext: new Set<string>(),
            ...(begins && { begins }),
          };
          const lineage = { clusterId: cluster, ancestors };
          const read = membershipIn({ index: 7, payload: encodeMembership(to, known, lineage) });
          expect(plain(read)).toEqual(plain({ ...to, members: known, lineage }));
        },
      ),
    );
  });

  test('forwarded appends, both ways', () => {
    const { Forward } = reflected;
    const shape = fc.record({
      sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      append: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      deadlineMs: uint,
      lane: uint,
      waitedMs: uint,
    });
    fc.assert(
      fc.property(shape, greeting, (request, hello) => {
        const theirs = Forward.requestDeserialize(encodeForwardRequest({ kind: 'append', ...request }));
        expect(plain(theirs)).toMatchObject(plain(request) as object);
        const back = decodeForwardRequest(Forward.requestSerialize(request as never));
        expect(plain(back)).toEqual(plain({ kind: 'append', ...request }));

        const first = encodeForwardRequest({ kind: 'greeting', greeting: hello });
        expect(plain(Forward.requestDeserialize(first).greeting)).toEqual(plain(hello));
        expect(plain(decodeForwardRequest(first))).toEqual(plain({ kind: 'greeting', greeting: hello }));

        const { sequence, append: answer } = request;
        const response = encodeForwardResponse({ kind: 'answer', sequence, answer });
        expect(plain(Forward.responseDeserialize(response))).toMatchObject(plain({ sequence, answer }) as object);
        expect(plain(decodeForwardResponse(response))).toEqual(plain({ kind: 'answer', sequence, answer }));
      }),
    );
    expect(decodeForwardResponse(Forward.responseSerialize({}))).toEqual({ kind: 'accepted' });
    expect(Forward.responseDeserialize(encodeForwardResponse({ kind: 'accepted' })).sequence).toBe(0);
    const error = new FactstoreError('DISK_RESERVE', 'full', { free: '7' });
    const back = decodeForwardResponse(encodeForwardResponse({ kind: 'error', sequence: 3, error }));
    expect(back).toEqual({ kind: 'error', sequence: 3, error });
    expect(
      Forward.responseDeserialize(encodeForwardResponse({ kind: 'error', sequence: 3, error })).error,
    ).toMatchObject({ code: 'DISK_RESERVE', message: 'full', definite: true, details: { free: '7' } });
  });
});

describe('entries for a damaged peer', () => {
  const { Entries } = reflected;

  test('question and answer survive the wire', () => {
    const request = { clusterId: new Uint8Array(16).fill(9), from: 7, to: 2 ** 40, uncommitted: true };
    for (const one of [request, { ...request, uncommitted: false }])
      expect(plain(decodeEntriesRequest(encodeEntriesRequest(one)))).toEqual(plain(one));
    const reflectedRequest = Entries.requestDeserialize(encodeEntriesRequest(request));
    expect(plain([reflectedRequest.from, reflectedRequest.uncommitted])).toEqual(plain([7, true]));
    const records = [record(7), record(8)];
    expect(decodeEntriesResponse(encodeEntriesResponse(records), 7)).toEqual(records);
    expect(Entries.responseDeserialize(encodeEntriesResponse(records)).entries).toHaveLength(2);
  });

  test('an empty range is refused, and an entry that stands elsewhere is damaged [D7]', () => {
    const clusterId = new Uint8Array(16);
    expect(() => decodeEntriesRequest(encodeEntriesRequest({ clusterId, from: 3, to: 2, uncommitted: false }))).toThrow(
      /no range/,
    );
    expect(() => decodeEntriesResponse(encodeEntriesResponse([record(7)]), 8)).toThrow(/entry 8 is damaged/);
  });
});

describe('what comes from a peer is not trusted', () => {
  const decoders: Record<string, (bytes: Buffer) => unknown> = {
    PeerMessage: (bytes) => decodeStreamMessage(bytes, ends),
    IdentifyRequest: decodeIdentifyRequest,
    IdentifyResponse: decodeIdentification,
    FoundRequest: decodeFoundRequest,
    JoinRequest: decodeJoinRequest,
    JoinResponse: decodeJoinResponse,
    Membership: (bytes) => membershipIn({ index: 2, payload: bytes }),
    FoundingRecord: decodeFoundingRecord,
    EntriesRequest: decodeEntriesRequest,
    EntriesResponse: (bytes) => decodeEntriesResponse(bytes, 1),
    StateRequest: decodeStateRequest,
    StatePiece: decodeStatePiece,
    ForwardRequest: decodeForwardRequest,
    ForwardResponse: decodeForwardResponse,
  };

  function refusesOrDecodes(decode: (bytes: Buffer) => unknown, bytes: Buffer): void {
    try {
      decode(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(FactstoreError);
      // A piece of a state may say that there is none.
      expect(['INVALID_ARGUMENT', 'DATA_LOSS', 'NOT_FOUND']).toContain((error as FactstoreError).code);
    }
  }

  test.each(Object.entries(decoders))('random bytes as %s end in a plain error at worst', (_, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refusesOrDecodes(decode, Buffer.from(bytes))),
      { numRuns: 500 },
    );
  });

  test('a Raft message with a changed byte, or cut short, ends in a plain error at worst', () => {
    fc.assert(
      fc.property(raftMessage, fc.nat(), fc.nat(255), fc.boolean(), (message, at, value, cut) => {
        const bytes = encoded(message, 1);
        if (cut) return refusesOrDecodes(decoders.PeerMessage!, bytes.subarray(0, at % (bytes.length + 1)));
        bytes[at % bytes.length] = value;
        refusesOrDecodes(decoders.PeerMessage!, bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('an entry that was damaged on its way is refused with DATA_LOSS and its index [D4]', () => {
    const bytes = encoded(append(ends.from, ends.to, 6, [record(7), record(8)]), 0);
    bytes[bytes.length - 1]! ^= 1;
    expect(() => decodeStreamMessage(bytes, ends)).toThrow(/entry 8 arrived damaged: its checksum is wrong/);
  });

  test('an entry at another place than its own is refused [D4]', () => {
    const bytes = encoded(append(ends.from, ends.to, 7, [record(7)]), 0);
    expect(() => decodeStreamMessage(bytes, ends)).toThrow(/entry 8 arrived damaged/);
  });

  test('the parts of a message that do not go together are refused [C3]', () => {
    const pieces = [...encodeRaftMessage(append(ends.from, ends.to, 6, [record(7, 'x'.repeat(3 << 20))]), 0)];
    const [first, second] = pieces.map((bytes) => decodeStreamMessage(bytes, ends) as { kind: 'part' } & Part);
    const started = () => {
      const parts = new PartsAssembly();
      expect(parts.add(first!)).toBeUndefined();
      return parts;
    };
    expect(() => started().add({ ...second!, totalBytes: second!.totalBytes + 1 })).toThrow(/do not go behind/);
    expect(() => started().add({ ...second!, bytes: Buffer.alloc(3 << 20) })).toThrow(/do not go behind/);
    expect(() => started().add({ ...second!, bytes: new Uint8Array(0) })).toThrow(/do not go behind/);
    expect(() => new PartsAssembly().add({ ...first!, totalBytes: 2 ** 40 })).toThrow(/part.total_bytes/);
  });

  test('an append that names more than is committed, or names and carries entries, is refused [C5]', () => {
    const raft = (fields: object) =>
      reflected.Messages.requestSerialize({
        raft: { type: 'APPEND', term: 1, index: 6, commit: 9, ...fields } as never,
      });
    const bytes = record(7, 'x').bytes;
    expect(decodeStreamMessage(raft({ loadMax: 3 }), ends)).toMatchObject({ message: { loadMax: 3 } });
    expect(() => decodeStreamMessage(raft({ loadMax: 4 }), ends)).toThrow(/load_max.*more than is committed/);
    expect(() => decodeStreamMessage(raft({ loadMax: 1, entries: [bytes] }), ends)).toThrow(/load_max.*either/);
  });

  test('an append without sealed entries is a bug of the sender', () => {
    const bare = { ...append(ends.from, ends.to, 6, []), entries: undefined } as PeerMessage;
    expect(() => encodeRaftMessage(bare, 0)).toThrow(/without its entries/);
  });

  test('a founding record that contradicts itself is refused (DESIGN §6)', () => {
    const clusterId = Buffer.alloc(16, 1);
    const n1 = { nodeId: 'n1', directoryId: Buffer.alloc(16, 2), address: 'a', peerAddress: 'b' };
    const twin = { ...n1, nodeId: 'n2' };
    const again = { ...n1, directoryId: Buffer.alloc(16, 3) };
    const made = (all: (typeof n1)[], featureLevel = 1) =>
      encodeFoundingRecord({ clusterId, members: all, createdUs: 1, featureLevel });
    expect(() => decodeFoundingRecord(made([]))).toThrow(/names nobody/);
    expect(() => decodeFoundingRecord(made([n1, twin]))).toThrow(/one data directory twice/);
    expect(() => decodeFoundingRecord(made([n1, again]))).toThrow(/one node id twice/);
    expect(() => decodeFoundingRecord(made([n1], 0))).toThrow(/feature_level: is missing/);
    expect(() => decodeFoundingRecord(Buffer.alloc(0))).toThrow(/cluster_id: is missing/);
  });
});
