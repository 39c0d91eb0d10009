import { describe, expect, test } from 'vitest';
import { type Greeting, PROTOCOL_VERSION } from '../../src/peer/codec.ts';
import { Handshake, seenInMemory } from '../../src/peer/handshake.ts';
import { memberId, nodeIdOf, parseMemberId, refusal } from '../../src/peer/identity.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { logging } from './support.ts';

const clusterId = Buffer.alloc(16, 0xc1);
const me = { clusterId, nodeId: 'n2', directoryId: Buffer.alloc(16, 2), incarnation: 1 };
const n1 = memberId('n1', Buffer.alloc(16, 1));
const n2 = memberId('n2', me.directoryId);
const n3 = memberId('n3', Buffer.alloc(16, 3));
const hello: Greeting = {
  clusterId,
  nodeId: 'n1',
  directoryId: Buffer.alloc(16, 1),
  incarnation: 4,
  processId: Buffer.alloc(16, 9),
  protocolVersion: PROTOCOL_VERSION,
  to: n2,
  bulk: false,
  logIndex: 100,
  featureLevel: 2,
  knownFeatureLevel: 3,
  membershipIndex: 5,
  peerAddress: '127.0.0.1:2114',
};

function judge(changes: Partial<Greeting>, highest = 0, dialled?: string) {
  return refusal(
    { ...hello, ...changes },
    {
      me,
      address: '127.0.0.1:2124',
      dialled,
      members: new Set([n1, n2, n3]),
      membershipIndex: 5,
      highestIncarnation: () => highest,
      levels: { level: 2, known: 3 },
    },
  );
}

describe('who may talk to this node', () => {
  test('a member of the cluster that means this node is accepted [D9]', () => {
    expect(judge({})).toBeUndefined();
    expect(judge({}, 4)).toBeUndefined();
    expect(judge({}, 0, n1)).toBeUndefined();
  });

  test('a node of another cluster is refused, with both clusters and the address (DESIGN §6)', () => {
    const other = Buffer.alloc(16, 0xee);
    const dialledUs = judge({ clusterId: other })?.message;
    expect(dialledUs).toContain('n1 of cluster eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee called 127.0.0.1:2124');
    expect(dialledUs).toContain('n2 of cluster c1c1c1c1-c1c1-c1c1-c1c1-c1c1c1c1c1c1 answers');
    const weDialled = judge({ clusterId: other }, 0, n1)?.message;
    expect(weDialled).toContain('at 127.0.0.1:2124 answers n1 of cluster eeeeeeee');
  });

  test('one that means another member is refused (DESIGN §6)', () => {
    expect(judge({ to: n3 })?.message).toBe(`at 127.0.0.1:2124 answers ${n2}, not ${n3}`);
    const old = memberId('n2', Buffer.alloc(16, 7));
    expect(judge({ to: old })?.message).toBe(
      `at 127.0.0.1:2124 answers ${n2}, not ${old}: another data directory, so another member`,
    );
  });

  test('one that answers in place of the member that was dialled is refused (DESIGN §6)', () => {
    expect(judge({}, 0, n3)?.message).toBe(`at 127.0.0.1:2124 answers ${n1}, not ${n3}`);
  });

  test('one that is not a member is refused, a wiped disk of a member included (DESIGN §6)', () => {
    const wiped = judge({ directoryId: Buffer.alloc(16, 8) });
    expect(wiped?.message).toMatch(
      /^n1\/08080808-.* is not a member of this cluster, whose members are n1, n2, n3: it was removed, or its disk was replaced$/,
    );
  });

  test('another version of the protocol is refused', () => {
    expect(judge({ protocolVersion: 1 })?.message).toContain('speaks version 1 of the peer protocol');
  });

  test('a lower incarnation than the highest seen is refused: it is an older copy of the directory [D9]', () => {
    expect(judge({}, 5)?.message).toContain('start number 4, but 5 is the lowest that is still accepted');
  });

  test('one that does not know the feature level of the cluster is refused, whichever of the two it is [S16]', () => {
    expect(judge({ knownFeatureLevel: 2 })).toBeUndefined();
    const older = judge({ featureLevel: 1, knownFeatureLevel: 1 });
    expect(older?.message).toBe(
      `the cluster is at feature level 2, but ${n1} runs a version that knows levels up to 1: start it with a newer one`,
    );
    const newer = judge({ featureLevel: 4, knownFeatureLevel: 4 });
    expect(newer?.message).toContain(`at feature level 4, but ${n2} runs a version that knows levels up to 3`);
  });

  test('a member id is a node id and the UUID of a directory', () => {
    expect(n1).toBe('n1/01010101-0101-0101-0101-010101010101');
    expect(parseMemberId(n1)).toEqual({ nodeId: 'n1', directoryId: new Uint8Array(16).fill(1) });
    expect(nodeIdOf(n1)).toBe('n1');
    for (const bad of ['', 'n1', '/01010101-0101-0101-0101-010101010101', 'n1/0101']) {
      expect(parseMemberId(bad)).toBeUndefined();
    }
  });
});

describe('two processes of one data directory', () => {
  function handshake(seen = seenInMemory()) {
    const { logger, lines } = logging();
    const made = new Handshake({
      me,
      peerAddress: '127.0.0.1:2124',
      clock: systemClock,
      logger,
      seen,
      levels: () => ({ level: 2, known: 3 }),
    });
    made.setMembers(new Set([n1, n2, n3]));
    const superseded: string[] = [];
    made.onSuperseded((member) => superseded.push(member));
    return { handshake: made, lines, superseded };
  }

  test('a later start supersedes an earlier one, which is refused from then on [D9]', () => {
    const { handshake: h, superseded } = handshake();
    expect(h.refusal(hello)).toBeUndefined();
    expect(h.refusal({ ...hello, incarnation: 5, processId: Buffer.alloc(16, 10) })).toBeUndefined();
    expect(superseded).toEqual([n1]);
    expect(h.refusal(hello)?.details.refusal).toBe('incarnation');
  });

  test('with the same start number both are refused until one is started anew [D9]', () => {
    const seen = seenInMemory();
    const { handshake: h, superseded, lines } = handshake(seen);
    expect(h.refusal(hello)).toBeUndefined();
    const copy = { ...hello, processId: Buffer.alloc(16, 10) };
    expect(h.refusal(copy)?.message).toContain('they run from copies of one data directory');
    expect(superseded).toEqual([n1]);
    expect(h.refusal(hello)?.details.refusal).toBe('incarnation');
    expect(h.refusal(copy)?.details.refusal).toBe('incarnation');
    expect(seen.incarnation(n1)).toBe(5);
    expect(h.refusal({ ...hello, incarnation: 5, processId: Buffer.alloc(16, 11) })).toBeUndefined();
    expect(lines.filter((line) => line.level === 'error')).toHaveLength(2);
  });

  test('a process whose log is shorter than what it acknowledged is refused, whatever its start number [D9]', () => {
    const acknowledged = { index: 100 };
    const seen = { ...seenInMemory(), acknowledged: (member: string) => (member === n1 ? acknowledged.index : 0) };
    const { handshake: h, lines, superseded } = handshake(seen);
    expect(h.refusal(hello)).toBeUndefined();
    const older = { ...hello, incarnation: 5, processId: Buffer.alloc(16, 10), logIndex: 99 };
    const error = h.refusal(older);
    expect(error?.details.refusal).toBe('lostLog');
    expect(error?.message).toContain(`the log of ${n1} ends at entry 99, but it has acknowledged everything up to`);
    expect(h.refusal(older)?.details.refusal).toBe('lostLog');
    expect(superseded).toEqual([]);
    expect(lines.map((line) => line.level)).toEqual(['error']);
    // The one that is known goes on, also with a greeting that its acknowledgements have overtaken.
    acknowledged.index = 120;
    expect(h.refusal(hello)).toBeUndefined();
  });

  test('the highest incarnation outlives this node, where it is kept [D9]', () => {
    const seen = seenInMemory();
    expect(handshake(seen).handshake.refusal(hello)).toBeUndefined();
    const restarted = handshake(seen).handshake;
    expect(restarted.refusal({ ...hello, incarnation: 3 })?.details.refusal).toBe('incarnation');
    expect(restarted.refusal(hello)).toBeUndefined();
  });

  test('the same refusal is logged once, another one anew', () => {
    const { handshake: h, lines } = handshake();
    for (let i = 0; i < 5; i++) h.refusal({ ...hello, to: n3 });
    expect(lines).toHaveLength(1);
    h.refusal({ ...hello, clusterId: Buffer.alloc(16, 0xee) });
    expect(lines.map((line) => line.event)).toEqual(['peer.refused', 'peer.refused']);
  });
});
