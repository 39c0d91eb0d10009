import { Prng } from '../../../src/base/prng.ts';
import type {
  AppendOperation,
  History,
  LoggedEvent,
  Operation,
  ReadOperation,
  SeenEvent,
  SubscriptionRecord,
} from '../history.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A log and what clients saw of it while it grew, all of it as it should be. */
export interface GoodRun {
  readonly history: { operations: Operation[]; subscriptions: SubscriptionRecord[] } & History;
  readonly log: Mutable<LoggedEvent>[];
}

/** Operations of several clients, each of which takes effect at a moment between its question and its answer. */
export function goodRun(seed: number, size: number): GoodRun {
  const random = new Prng(seed);
  const log: LoggedEvent[] = [];
  const heads = new Map<string, number>();
  const operations: Operation[] = [];
  let events = 0;
  const seen = ({ createdUs: _, ...event }: LoggedEvent): SeenEvent => event;
  for (let n = 0; n < size; n++) {
    const at = n * 10;
    // Each client asks only once its last question is answered.
    const timed = {
      client: `c${n % 8}`,
      invokedMs: at - random.between(0, 35),
      returnedMs: at + random.between(1, 35),
    };
    const stream = `s-${random.between(0, 20)}`;
    const head = heads.get(stream) ?? -1;
    const kind = random.between(0, 10);
    if (kind < 6) {
      const count = random.between(1, 4);
      const numbers = Array.from({ length: count }, () => ++events);
      const append = {
        ...timed,
        kind: 'append' as const,
        appendId: `a${n}`,
        writes: [{ stream, expect: head < 0 ? ('none' as const) : head, events: numbers }],
      };
      if (kind === 5 && random.between(0, 2) === 0) {
        operations.push({ ...append, outcome: { kind: 'refused', code: 'NO_LEADER' } });
        continue;
      }
      for (const [i, event] of numbers.entries())
        log.push({ position: log.length + 1, stream, revision: head + 1 + i, event, createdUs: at });
      heads.set(stream, head + count);
      operations.push({
        ...append,
        outcome:
          kind === 5
            ? { kind: 'unknown', code: 'DEADLINE_EXCEEDED' }
            : {
                kind: 'appended',
                firstPosition: log.length - count + 1,
                position: log.length,
                revisions: [head + count],
                repeated: false,
              },
      });
    } else if (kind === 6) {
      operations.push({
        ...timed,
        kind: 'append',
        appendId: `a${n}`,
        writes: [{ stream, expect: head + 7, events: [++events] }],
        outcome: { kind: 'conflict', judged: { position: log.length, checks: [{ stream, revision: head }] } },
      });
    } else if (kind < 9) {
      const ofStream = log
        .filter((event) => event.stream === stream)
        .slice(-5)
        .reverse();
      operations.push({
        ...timed,
        kind: 'read',
        stream,
        level: 'linearizable',
        backwards: true,
        limit: 5,
        outcome: { kind: 'read', head: log.length, revision: head, events: ofStream.map(seen) },
      });
    } else {
      const from = Math.max(1, log.length - 10);
      operations.push({
        ...timed,
        kind: 'read',
        level: from,
        from,
        backwards: false,
        outcome: { kind: 'read', head: log.length, events: log.slice(from - 1).map(seen) },
      });
    }
  }
  const messages: SubscriptionRecord['messages'] = log.map((event) => ({
    atMs: size * 10 + 100,
    kind: 'event',
    event: seen(event),
  }));
  messages.push({ atMs: size * 10 + 101, kind: 'caughtUp', position: log.length });
  return { history: { operations, subscriptions: [{ client: 'c9', after: 0, startedMs: 0, messages }] }, log };
}

export function appendsOf({ history }: GoodRun): Mutable<AppendOperation>[] {
  return history.operations.filter((operation) => operation.kind === 'append');
}

export function readsOf({ history }: GoodRun): Mutable<ReadOperation>[] {
  return history.operations.filter((operation) => operation.kind === 'read');
}
