import { describe, expect, it } from 'vitest';
import type { AppendOperation, Operation, ReadOperation, SubscriptionMessage } from '../history.ts';
import { judge } from './judge.ts';
import { appendsOf, type GoodRun, goodRun, readsOf } from './log-fixture.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The titles of the checks that found something. */
const failed = ({ history, log }: GoodRun): string[] =>
  judge(history, log)
    .filter(({ violations }) => violations.count > 0)
    .map(({ title }) => title);

const SHAPE = 'positions and revisions are contiguous, and no event is there twice';
const FATES = 'acknowledged appends are at their places, once, and refused ones nowhere';
const ORDER = 'the order of the log agrees with real time';
const CONFLICTS = 'conflicts are told on the log as it was';
const READS = 'reads show the log, as fresh as they promise';
const SUBSCRIPTIONS = 'subscriptions give every event once, in order';
const STREAMS = 'every stream is linearizable';

const run = () => goodRun(1, 400);
const acknowledged = (made: GoodRun) =>
  appendsOf(made).filter(({ outcome }) => outcome.kind === 'appended') as Mutable<AppendOperation>[];
const outcomeOf = <T extends Operation, K extends T['outcome']['kind']>(operation: T, kind: K) => {
  if (operation.outcome.kind !== kind) throw new Error(`the outcome is ${operation.outcome.kind}`);
  return operation.outcome as Mutable<Extract<T['outcome'], { kind: K }>>;
};

describe('a run as it should be', () => {
  it.each([1, 2, 3, 4, 5])('passes every check, seed %i', (seed) => {
    expect(failed(goodRun(seed, 500))).toEqual([]);
  });

  it('of more than 100,000 operations is judged in time that grows with their number', { timeout: 60_000 }, () => {
    const log = Array.from({ length: 120_000 }, (_, n) => ({
      position: n + 1,
      stream: `s-${n % 1_000}`,
      revision: Math.floor(n / 1_000),
      event: n + 1,
      createdUs: n,
    }));
    const operations: Operation[] = log.map(({ position, stream, revision, event }, n) => ({
      kind: 'append',
      client: `c${n % 10}`,
      invokedMs: n - 5,
      returnedMs: n + 4,
      appendId: `a${n}`,
      writes: [{ stream, expect: 'any', events: [event] }],
      outcome: { kind: 'appended', firstPosition: position, position, revisions: [revision], repeated: false },
    }));
    expect(failed({ history: { operations, subscriptions: [] }, log })).toEqual([]);
  });
});

describe('the checks of the log', () => {
  it('find a hole in the positions [S2]', () => {
    const made = run();
    for (const event of made.log.slice(50)) event.position++;
    expect(failed(made)).toContain(SHAPE);
  });

  it('find a revision that is there twice [S2]', () => {
    const made = run();
    const later = made.log.find(({ revision }) => revision === 3)!;
    later.revision = 2;
    expect(failed(made)).toContain(SHAPE);
  });

  it('find a time that goes back [S15]', () => {
    const made = run();
    made.log[60]!.createdUs = 0;
    expect(failed(made)).toEqual([SHAPE]);
  });

  it('find an acknowledged append that is lost', () => {
    const made = run();
    const [lost] = acknowledged(made).slice(-1);
    const first = outcomeOf(lost!, 'appended').firstPosition;
    made.log.splice(first - 1);
    expect(failed(made)).toContain(FATES);
  });

  it('find an event that is there twice', () => {
    const made = run();
    const { stream, event } = made.log[10]!;
    const revision = made.log.filter((other) => other.stream === stream).length;
    made.log.push({ position: made.log.length + 1, stream, revision, event, createdUs: 1e9 });
    expect(failed(made)).toContain(SHAPE);
  });

  it('find an event that nobody appended', () => {
    const made = run();
    made.log.push({ position: made.log.length + 1, stream: 'new', revision: 0, event: 1e6, createdUs: 1e9 });
    expect(failed(made)).toEqual([FATES]);
  });

  it('find a refused append in the log', () => {
    const made = run();
    acknowledged(made)[7]!.outcome = { kind: 'refused', code: 'NO_LEADER' };
    expect(failed(made)).toContain(FATES);
  });

  it('find a conflict that was written all the same [S5]', () => {
    const made = run();
    acknowledged(made)[7]!.outcome = { kind: 'conflict' };
    expect(failed(made)).toContain(FATES);
  });

  it('let an indefinite append be there, or not', () => {
    const made = run();
    acknowledged(made)[7]!.outcome = { kind: 'unknown', code: 'LEADERSHIP_LOST' };
    const refused = appendsOf(made).find(({ outcome }) => outcome.kind === 'refused')!;
    refused.outcome = { kind: 'unknown', code: 'LEADERSHIP_LOST' };
    expect(failed(made)).toEqual([]);
  });

  it('find half an append', () => {
    const made = run();
    const half = appendsOf(made).find(({ outcome }) => outcome.kind === 'refused')! as Mutable<AppendOperation>;
    const written = acknowledged(made)[3]!;
    half.writes = [{ ...written.writes[0]!, events: [...written.writes[0]!.events, 1e6] }];
    half.outcome = { kind: 'unknown', code: 'LEADERSHIP_LOST' };
    expect(failed(made)).toContain(FATES);
  });

  it('find an answer with a wrong place', () => {
    for (const field of ['position', 'firstPosition'] as const) {
      const made = run();
      outcomeOf(acknowledged(made)[20]!, 'appended')[field]--;
      expect(failed(made)).toContain(FATES);
    }
    const made = run();
    outcomeOf(acknowledged(made)[20]!, 'appended').revisions = [999];
    expect(failed(made)).toContain(FATES);
  });

  it('find a repeat that was answered in another way than the first attempt [S6]', () => {
    const made = run();
    const first = acknowledged(made)[5]!;
    const answer = outcomeOf(first, 'appended');
    const again = { ...first, invokedMs: 1e6, returnedMs: 1e6 + 1 };
    made.history.operations.push(again);
    again.outcome = { ...answer, repeated: true };
    expect(failed(made)).toEqual([]);
    for (const anew of [answer, { kind: 'conflict' } as const]) {
      again.outcome = anew;
      expect(failed(made)).toContain(FATES);
    }
    again.outcome = { ...outcomeOf(first, 'appended'), firstPosition: 300, position: 301 };
    expect(failed(made)).toContain(FATES);
  });

  it('find an append that came to stand in front of one that was acknowledged before it was asked for', () => {
    const made = run();
    acknowledged(made)[30]!.invokedMs += 5_000;
    acknowledged(made)[30]!.returnedMs += 5_000;
    expect(failed(made)).toContain(ORDER);
  });

  it('find an append that was acknowledged before one in front of it was asked for', () => {
    const made = run();
    const [early] = acknowledged(made).slice(-1);
    early!.invokedMs = 0;
    early!.returnedMs = 1;
    expect(failed(made)).toContain(ORDER);
  });

  it('find a conflict that was told on another state than that of the log [S5]', () => {
    for (const change of [{ position: 3 }, { position: 1e6 }]) {
      const made = run();
      const [conflict] = appendsOf(made)
        .filter(({ outcome }) => outcome.kind === 'conflict')
        .slice(-1);
      Object.assign(outcomeOf(conflict!, 'conflict').judged!, change);
      expect(failed(made)).toContain(CONFLICTS);
    }
  });

  it('find a conflict although the expectation held [S5]', () => {
    const made = run();
    const [conflict] = appendsOf(made)
      .filter(({ outcome }) => outcome.kind === 'conflict')
      .slice(-1);
    const { stream, revision } = outcomeOf(conflict!, 'conflict').judged!.checks[0]!;
    conflict!.writes = [{ stream, expect: revision, events: [1e6] }];
    expect(failed(made)).toEqual([CONFLICTS, STREAMS]);
  });
});

describe('the checks of reads', () => {
  const lastRead = (made: GoodRun, ofStream: boolean) =>
    readsOf(made).findLast(
      ({ stream, outcome }) =>
        (stream !== undefined) === ofStream && outcome.kind === 'read' && outcome.events.length > 2,
    ) as Mutable<ReadOperation>;

  it('find a linearizable read that misses what was known before it [Q1]', () => {
    const made = run();
    outcomeOf(lastRead(made, true), 'read').head -= 40;
    expect(failed(made)).toContain(READS);
  });

  it('find a read that sees what was not asked for yet', () => {
    const made = run();
    const read = lastRead(made, false);
    read.invokedMs = 0;
    read.returnedMs = 1;
    expect(failed(made)).toContain(READS);
  });

  it('find a read below the position that it was to wait for [Q2]', () => {
    const made = run();
    lastRead(made, false).level = 1e6;
    expect(failed(made)).toEqual([READS]);
  });

  it('find a client that is taken back behind what it has seen [Q4]', () => {
    const made = run();
    const read = lastRead(made, false);
    read.level = 'local';
    read.from = 1;
    read.outcome = { kind: 'read', head: 0, events: [] };
    expect(failed(made)).toEqual([READS]);
  });

  it('find an event that is missing, doubled, foreign or out of order', () => {
    const changes: ((events: unknown[]) => void)[] = [
      (events) => events.splice(1, 1),
      (events) => events.splice(1, 0, events[0]),
      (events) => events.splice(1, 1, { ...(events[1] as object), event: 1e6 }),
      (events) => events.reverse(),
    ];
    for (const change of changes)
      for (const ofStream of [true, false]) {
        const made = run();
        change(outcomeOf(lastRead(made, ofStream), 'read').events as unknown[]);
        expect(failed(made)).toContain(READS);
      }
  });

  it('find a stream that is said to be elsewhere than it is [Q1]', () => {
    const made = run();
    outcomeOf(lastRead(made, true), 'read').revision!--;
    expect(failed(made)).toEqual([READS, STREAMS]);
  });
});

describe('the checks of subscriptions', () => {
  const changed = (change: (messages: SubscriptionMessage[], made: GoodRun) => void) => {
    const made = run();
    change(made.history.subscriptions[0]!.messages, made);
    return failed(made);
  };

  it('find a gap, a repeat and another order', () => {
    expect(changed((messages) => messages.splice(7, 1))).toEqual([SUBSCRIPTIONS]);
    expect(changed((messages) => messages.splice(7, 0, messages[6]!))).toEqual([SUBSCRIPTIONS]);
    expect(changed((messages) => messages.splice(7, 2, messages[8]!, messages[7]!))).toEqual([SUBSCRIPTIONS]);
  });

  it('find an event that was given before it was asked for', () => {
    expect(changed((messages) => messages.splice(9, 1, { ...messages[9]!, atMs: -1e3 }))).toContain(SUBSCRIPTIONS);
  });

  it('find "caught up" behind a gap, and with less than was known before [Q3]', () => {
    expect(changed((messages) => messages.splice(-5, 4))).toEqual([SUBSCRIPTIONS]);
    const early = { atMs: 1e5, kind: 'caughtUp', position: 0 } as const;
    expect(
      changed((messages, { history }) => {
        messages.unshift(early);
        Object.assign(history.subscriptions[0]!, { startedMs: 1e5 });
      }),
    ).toEqual([SUBSCRIPTIONS]);
  });

  it('take a stream by itself, from a checkpoint on', () => {
    const made = run();
    const [subscription] = made.history.subscriptions;
    const stream = 's-3';
    const messages = subscription!.messages.filter(
      (message) => message.kind === 'event' && message.event.stream === stream && message.event.position > 100,
    );
    made.history.subscriptions.push({ ...subscription!, stream, after: 100, messages });
    expect(failed(made)).toEqual([]);
    messages.shift();
    expect(failed(made)).toEqual([SUBSCRIPTIONS]);
  });
});
