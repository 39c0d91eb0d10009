import { describe, expect, it } from 'vitest';
import type { AppendOutcome } from '../../src/database/appender.ts';
import { checkAppend } from '../../src/database/check-append.ts';
import type { ReadRequest } from '../../src/database/reads.ts';
import type { Append, Appended, Expectation } from '../../src/model/append.ts';
import { EntryType } from '../../src/raft/types.ts';
import { type EntryRecord, sealEntry } from '../../src/storage/record.ts';
import { configurationOf } from '../raft/network.ts';
import { encodeEvent, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { AppendChecks } from './checks/appends.ts';
import { Committed } from './checks/committed.ts';
import { RaftChecks } from './checks/raft.ts';
import { ReadChecks } from './checks/reads.ts';

/** A log in which stream a has three events and stream b one, at positions 1 a, 2 b, 3 a, 4 a. */
function history(): { log: LogFixture; committed: Committed } {
  const log = new LogFixture();
  for (const stream of ['a', 'b', 'a', 'a']) log.append({ writes: [{ stream, events: [{ type: `T${stream}` }] }] });
  const committed = new Committed();
  for (const record of log.records) committed.applied('n1', record);
  return { log, committed };
}

/** The next entry of a log, with something changed that its seal covers. */
function changed(record: EntryRecord, change: Partial<EntryRecord>): EntryRecord {
  const { index, term, type, firstPosition, count, createdUs, payload } = record;
  return sealEntry({ index, term, type, firstPosition, count, createdUs, payload, ...change }, Buffer.alloc(32));
}

describe('the check of what is committed', () => {
  const { log } = history();

  it('accepts the same entry from every node', () => {
    const { committed } = history();
    expect(log.records.map((record) => committed.applied('n2', record))).toEqual([false, false, false, false]);
    expect(committed.revisionAt('a', 3)).toBe(1);
    expect(committed.revisionAt('b', 1)).toBe(-1);
  });

  it('notices a second chain, a skipped entry, and a term, a time or a position that does not follow', () => {
    const next = (change: Partial<EntryRecord>) => () => {
      const { log, committed } = history();
      committed.applied('n2', changed(log.append({ writes: [{ stream: 'a', events: [{ type: 'T' }] }] }), change));
    };
    const { committed } = history();
    expect(() => committed.applied('n2', changed(log.records[1]!, { term: 2 }))).toThrow('another entry 2');
    expect(next({ index: 7 })).toThrow('skips entries');
    expect(next({ term: 0 })).toThrow('term 0 behind term 1');
    expect(next({ createdUs: 5 })).toThrow('created 5 behind');
    expect(next({ firstPosition: 9 })).toThrow('first position 9 behind position 4');
    expect(next({})).not.toThrow();
  });

  it('notices an append that is there twice, a revision that skips one, and a cursor that does not go on', () => {
    const behind = (make: (log: LogFixture) => void) => () => {
      const { log, committed } = history();
      make(log);
      for (const record of log.records.slice(4)) committed.applied('n1', record);
    };
    const write = { stream: 'a', events: [{ type: 'T' }] };
    expect(behind((log) => log.append({ writes: [write], id: uuid(2) }))).toThrow('is in the log twice');
    const skip = (log: LogFixture) => {
      log.heads.set('a', 5);
      log.append({ writes: [write] });
    };
    expect(behind(skip)).toThrow('a has revision 6 behind 2');
    const cursor = (previous: number) => ({
      writes: [write],
      producer: { producer: 'p', previous, current: previous + 1 },
    });
    expect(behind((log) => log.append(cursor(3)))).toThrow('goes on from 3, not from 0');
    expect(behind((log) => log.append(cursor(0)))).not.toThrow();
  });
});

describe('the check of raft', () => {
  it('notices two leaders of a term, and a term, a commit index or an applied index that goes back', () => {
    const see = (...views: [string, string, number, number?][]) => {
      const checks = new RaftChecks(configurationOf(['a', 'b', 'c']));
      return () => {
        for (const [id, role, term, commit] of views) checks.seen(id, { role, term, commit });
      };
    };
    expect(see(['n1', 'leader', 2], ['n2', 'leader', 3], ['n1', 'leader', 4])).not.toThrow();
    expect(see(['n1', 'leader', 2], ['n2', 'leader', 2])).toThrow('n1 and n2 both lead term 2');
    expect(see(['n1', 'follower', 2], ['n1', 'follower', 1])).toThrow('goes back from term 2');
    expect(see(['n1', 'follower', 2, 5], ['n1', 'follower', 2, 4])).toThrow('goes back from commit index 5');
    const { log } = history();
    const checks = new RaftChecks(configurationOf(['a', 'b', 'c']));
    checks.applied('n1', log.records[1]!);
    expect(() => checks.applied('n1', log.records[1]!)).toThrow('applied entry 2 after entry 2');
  });

  it('notices an entry that is applied before a majority holds just this one', () => {
    const [record, other] = history().log.records as [EntryRecord, EntryRecord];
    const checks = new RaftChecks(configurationOf(['a', 'b', 'c']));
    expect(() => checks.onQuorum(record, keptBy(record.chain, undefined, record.chain))).not.toThrow();
    expect(() => checks.onQuorum(record, keptBy(record.chain, undefined, other.chain))).toThrow(
      'while only a had it on disk',
    );
  });
});

describe('the check of appends', () => {
  /** A client appends one event to stream a, which is at revision 2 at position 4. */
  function client(expectation: Expectation = { kind: 'any' }) {
    const { log, committed } = history();
    const checks = new AppendChecks(committed);
    const append = anAppend(expectation);
    const known = checks.begin(append);
    const commit = (type = 'T') => {
      const record = log.append({ writes: [{ stream: 'a', events: [{ type }] }], id: append.id });
      committed.applied('n1', record);
      checks.applied(record);
      return record;
    };
    const answer = (change: Partial<Appended> = {}): Appended => ({
      kind: 'appended',
      firstPosition: 5,
      position: 5,
      writes: [{ stream: 'a', revision: 3 }],
      createdUs: log.createdUs,
      repeated: false,
      ...change,
    });
    return { checks, known, commit, answer, log, committed };
  }

  function anAppend(expect: Expectation): Append {
    const writes = [{ stream: 'a', expect, events: [encodeEvent({ type: 'T' })] }];
    return checkAppend({ appendId: uuid(99), writes, attemptAgeMs: 0, content: [] });
  }

  function conflict(actualRevision: number, position: number, expected: Expectation): AppendOutcome {
    const check = { stream: 'a', expect: expected, actual: 'exists' as const, actualRevision, events: [], cut: false };
    return { kind: 'conflict', checks: [check], conditions: [], position };
  }

  it('accepts the true answer, also when it is repeated', () => {
    const { checks, known, commit, answer } = client();
    commit();
    checks.answered(known, answer(), 4, false);
    checks.answered(known, answer({ repeated: true }), 4, false);
  });

  it('notices a success that is not in the log, or stands elsewhere than was told', () => {
    const lost = client();
    expect(() => lost.checks.answered(lost.known, lost.answer(), 4, false)).toThrow('is not committed');
    const { checks, known, commit, answer } = client();
    commit();
    expect(() => checks.answered(known, answer({ firstPosition: 4 }), 4, false)).toThrow('stands at 5');
    expect(() => checks.answered(known, answer({ createdUs: 1 }), 4, false)).toThrow('was answered at');
    expect(() => checks.answered(known, answer({ writes: [{ stream: 'a', revision: 2 }] }), 4, false)).toThrow(
      'is at 3',
    );
  });

  it('notices an append that stands before what was committed when it was sent', () => {
    const { log, committed, checks } = client();
    const late = checks.begin(anAppend({ kind: 'any' }));
    const answer = { firstPosition: 4, position: 4, createdUs: log.createdUs, writes: [{ stream: 'a', revision: 2 }] };
    committed.appends.set(late.key, [...committed.appends.values()].at(-1)!);
    expect(() => checks.answered(late, { kind: 'appended', repeated: false, ...answer }, 4, false)).toThrow(
      '4 was committed before',
    );
  });

  it('notices that a refused append is committed, in whichever order', () => {
    const first = client();
    first.checks.giveUp(first.known, 'a conflict');
    expect(() => first.commit()).toThrow('was committed after it was refused');
    const second = client();
    second.commit();
    expect(() => second.checks.giveUp(second.known, 'a conflict')).toThrow('is in the log, but was refused');
    const doubtful = client();
    doubtful.known.doubtful = true;
    doubtful.checks.giveUp(doubtful.known, 'silence');
    expect(() => doubtful.commit()).not.toThrow();
  });

  it('notices a rejection after an answer, unless the client had given that attempt up', () => {
    const expected = { kind: 'revision', revision: 2 } as const;
    const both = (late: boolean) => {
      const { checks, known, commit, answer } = client(expected);
      commit();
      checks.answered(known, answer(), 4, false);
      const refused = { kind: 'revision', revision: 1 } as const;
      return () => checks.answered(known, conflict(3, 5, refused), 4, late);
    };
    expect(both(false)).toThrow('was answered and then refused');
    expect(both(true)).not.toThrow();
  });

  it('notices an entry that nobody asked for, that holds something else, or whose expectation does not hold', () => {
    const { log, committed, checks } = client();
    const record = log.append({ writes: [{ stream: 'a', events: [{ type: 'T' }] }] });
    committed.applied('n1', record);
    expect(() => checks.applied(record)).toThrow('that nobody made');
    expect(() => client().commit('Other')).toThrow('is not the one that was sent');
    expect(() => client({ kind: 'none' }).commit()).toThrow('was expected to be none');
    expect(() => client({ kind: 'revision', revision: 1 }).commit()).toThrow('was expected to be at revision 1');
    expect(() => client({ kind: 'revision', revision: 2 }).commit()).not.toThrow();
  });

  it('notices a rejection that holds nowhere between question and answer', () => {
    const expected = { kind: 'revision', revision: 1 } as const;
    const answered = (outcome: AppendOutcome, since = 4) => {
      const { checks, known } = client(expected);
      return () => checks.answered(known, outcome, since, false);
    };
    expect(answered(conflict(2, 4, expected))).not.toThrow();
    expect(answered(conflict(1, 3, expected))).toThrow('outside of 4 to 4');
    expect(answered(conflict(3, 5, expected))).toThrow('outside of 4 to 4');
    expect(answered(conflict(1, 4, expected))).toThrow('at 4 it was at 2');
    expect(answered(conflict(2, 4, { kind: 'revision', revision: 2 }))).toThrow('not at revision 2');
    expect(answered(conflict(0, 2, expected), 2)).not.toThrow();
  });
});

describe('the check of conditions', () => {
  const ofStream = (stream: string, after: number) => ({
    query: { items: [{ types: [], tags: [], categories: [], streams: [stream], streamPrefixes: [] }] },
    after,
  });

  function client(stream: string, after: number) {
    const { log, committed } = history();
    const checks = new AppendChecks(committed);
    const writes = [{ stream: 'c', expect: { kind: 'any' } as const, events: [encodeEvent({ type: 'T' })] }];
    const conditions = [ofStream(stream, after)];
    const known = checks.begin(checkAppend({ appendId: uuid(99), writes, conditions, attemptAgeMs: 0, content: [] }));
    const commit = () => {
      const record = log.append({ writes: [{ stream: 'c', events: [{ type: 'T' }] }], id: uuid(99) });
      committed.applied('n1', record);
      checks.applied(record);
    };
    const refuse = (...shown: number[]) => {
      const events = shown.map((position) => committed.events[position - 1]!.bytes);
      const conflict = {
        kind: 'conflict',
        checks: [],
        conditions: [{ index: 0, events, cut: false }],
        position: 4,
      } as const;
      checks.answered(known, conflict, 4, false);
    };
    return { commit, refuse };
  }

  it('notices an append that a committed event should have stopped, and one that was stopped for nothing', () => {
    expect(() => client('a', 3).commit()).toThrow('event 4 matches');
    expect(() => client('a', 4).commit()).not.toThrow();
    expect(() => client('b', 2).commit()).not.toThrow();
    expect(() => client('a', 1).refuse(3, 4)).not.toThrow();
    expect(() => client('b', 2).refuse()).toThrow('which holds at 4');
    expect(() => client('a', 1).refuse(4)).toThrow('event 0 of the conflict is not position 3');
  });
});

describe('the check of reads', () => {
  const { committed } = history();
  const checks = new ReadChecks(committed);
  const request: ReadRequest = {
    target: { kind: 'all' },
    backwards: false,
    start: undefined,
    limit: 0,
    consistency: { kind: 'linearizable' },
    userEvents: false,
  };
  const bytes = (...positions: number[]) => positions.map((position) => committed.events[position - 1]!.bytes);
  const read = (change: Partial<ReadRequest>, head: number, events: Uint8Array[], since = 4) => {
    const stream = { headRevision: 2 };
    return () => checks.read('n1', { ...request, ...change }, [{ start: { head, ...stream }, events }], since);
  };

  it('accepts what is true', () => {
    expect(read({}, 4, bytes(1, 2, 3, 4))).not.toThrow();
    expect(read({ consistency: { kind: 'local' } }, 2, bytes(1, 2))).not.toThrow();
    expect(read({ backwards: true, limit: 2 }, 4, bytes(4, 3))).not.toThrow();
    expect(read({ start: { kind: 'position', position: 3 } }, 4, bytes(3, 4))).not.toThrow();
    expect(read({ target: { kind: 'stream', stream: 'a' } }, 4, bytes(1, 3, 4))).not.toThrow();
  });

  it('notices a stale read, one of what is not committed, and one behind the position that was asked for', () => {
    expect(read({}, 3, bytes(1, 2, 3))).toThrow('a linearizable read at 3, outside of 4 to 4');
    expect(read({}, 5, bytes(1, 2, 3, 4))).toThrow('outside of 4 to 4');
    expect(read({ consistency: { kind: 'atLeast', position: 3 } }, 2, bytes(1, 2))).toThrow('a atLeast read at 2');
    expect(read({ consistency: { kind: 'local' } }, 5, bytes(1, 2, 3, 4))).toThrow('a local read at 5');
  });

  it('notices an event that is missing, doubled, out of order or another one, and a wrong head of a stream', () => {
    const local = { consistency: { kind: 'local' } } as const;
    expect(read(local, 3, bytes(1, 3))).toThrow('gave 2 events instead of 3');
    expect(read(local, 2, bytes(1, 1))).toThrow('the first wrong one is number 1');
    expect(read(local, 2, bytes(2, 1))).toThrow('the first wrong one is number 0');
    expect(read(local, 2, bytes(1, 2, 3))).toThrow('gave 3 events instead of 2');
    expect(read({ ...local, target: { kind: 'stream', stream: 'b' } }, 4, bytes(2))).toThrow(
      'the stream is at 2, it is at 0',
    );
  });

  it('notices a subscription that skips, repeats, runs ahead or is caught up elsewhere', () => {
    const deliver =
      (after: number, checkpoint: number, events: Uint8Array[], caughtUp?: number, stream?: string) => () =>
        checks.delivery('n1', stream, after, { events, checkpoint, ...(caughtUp !== undefined && { caughtUp }) });
    expect(deliver(1, 3, bytes(2, 3))).not.toThrow();
    expect(deliver(1, 4, bytes(3, 4), 4, 'a')).not.toThrow();
    expect(deliver(1, 3, bytes(3))).toThrow('delivered 1 events from 1 to 3, not 2');
    expect(deliver(1, 2, bytes(1, 2))).toThrow('delivered 2 events');
    expect(deliver(3, 2, [])).toThrow('goes from 3 to 2');
    expect(deliver(4, 5, bytes(4))).toThrow('while 4 is committed');
    expect(deliver(4, 4, [], 3)).toThrow('caught up at 3');
  });
});

it('knows the type of an entry without events', () => {
  const { log, committed } = history();
  const noop = log.noop();
  expect(noop.type).toBe(EntryType.noop);
  expect(committed.applied('n1', noop)).toBe(true);
  expect(committed.head).toBe(4);
});

function keptBy(...chains: readonly (Buffer | undefined)[]): Map<string, Buffer | undefined> {
  return new Map(chains.map((chain, n) => ['abc'[n] as string, chain]));
}
