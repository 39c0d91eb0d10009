import { expect } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import {
  type AppendResult,
  type ConflictDetails,
  conflictOf,
  type FactstoreClient,
  type Query,
  type QueryItem,
  type RecordedEvent,
} from '../../src/client/index.ts';

/** What is run against: clients of a cluster, in turn one of each of its nodes, or of all. */
export interface Cluster {
  readonly clients: readonly FactstoreClient[];
  /** Called once, when about half of the work is done. */
  readonly disturb?: (() => Promise<void>) | undefined;
  readonly seed: number;
}

const WRITERS = 20;

interface Attempt {
  readonly query: Query;
  readonly after: bigint;
  readonly ids: readonly string[];
  readonly appended?: AppendResult;
  readonly conflict?: ConflictDetails;
}

const TAGS = ['course:1', 'course:2', 'student:1', 'student:2', 'student:3'];
const TYPES = ['Subscribed', 'Unsubscribed', 'CapacityChanged'];

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.between(0, from.length)] as T;
}

function randomItem(prng: Prng): QueryItem {
  const types = prng.between(0, 2) === 0 ? [pick(prng, TYPES)] : [];
  const tags = prng.between(0, 4) === 0 && types.length > 0 ? [] : [pick(prng, TAGS)];
  return { types, tags: prng.between(0, 3) === 0 ? [...tags, pick(prng, TAGS)] : tags };
}

function matches(query: Query, event: RecordedEvent): boolean {
  return (query as readonly QueryItem[]).some(
    ({ types = [], tags = [] }) =>
      (types.length === 0 || types.includes(event.type)) && tags.every((tag) => event.tags.includes(tag)),
  );
}

/**
 * Consistency: 20 writers append at random, each on condition that nothing has come behind the last match that it read;
 * up to three appends at once on the same condition, pipelined, of which one may stand in the way of the next. Afterwards
 * it is recomputed from the log what each of them must have been told.
 */
export async function isConsistent(cluster: Cluster, turns: number): Promise<void> {
  const attempts: Attempt[] = [];
  let disturbed: Promise<void> | undefined;
  const writer = async (n: number) => {
    const prng = new Prng(cluster.seed * 1_000 + n);
    const db = cluster.clients[n % cluster.clients.length] as FactstoreClient;
    for (let turn = 0; turn < turns; turn++) {
      if (attempts.length > (WRITERS * turns) / 2 && cluster.disturb) disturbed ??= cluster.disturb();
      attempts.push(...(await attemptsOf(db, prng, `writer-${n}`)));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n)));
  await disturbed;
  const log = await (cluster.clients[0] as FactstoreClient).query({ streams: ['writer-*'] }).toArray();
  check(attempts, log);
}

async function attemptsOf(db: FactstoreClient, prng: Prng, stream: string): Promise<Attempt[]> {
  const query = Array.from({ length: prng.between(1, 4) }, () => randomItem(prng));
  const consistency = prng.between(0, 3) === 0 ? 'local' : 'linearizable';
  const read = db.query(query, { consistency, backwards: true, limit: 1 });
  const { head } = await read.start();
  const [last] = await read.toArray();
  // The head is as good as the last match, which is what the specification speaks of.
  const after = prng.between(0, 2) === 0 ? head : (last?.position ?? 0n);
  return Promise.all(Array.from({ length: prng.between(1, 4) }, () => attemptOf(db, prng, stream, query, after)));
}

async function attemptOf(
  db: FactstoreClient,
  prng: Prng,
  stream: string,
  query: Query,
  after: bigint,
): Promise<Attempt> {
  const events = Array.from({ length: prng.between(1, 4) }, () => ({
    id: crypto.randomUUID(),
    type: pick(prng, TYPES),
    tags: [pick(prng, TAGS), pick(prng, TAGS)],
    data: {},
  }));
  const ids = events.map(({ id }) => id);
  try {
    const appended = await db.append(stream, events, { conditions: [{ failIfEventsMatch: query, after }] });
    return { query, after, ids, appended };
  } catch (error) {
    const conflict = conflictOf(error);
    if (!conflict) throw error;
    return { query, after, ids, conflict };
  }
}

function check(attempts: readonly Attempt[], log: readonly RecordedEvent[]): void {
  const byId = new Map(log.map((event) => [event.id, event]));
  expect(byId.size, 'each event stands there once').toBe(log.length);
  let written = 0;
  for (const { query, after, ids, appended, conflict } of attempts) {
    const until = appended ? appended.firstPosition - 1n : (conflict?.position ?? 0n);
    const since = log.filter((event) => event.position > after && event.position <= until && matches(query, event));
    if (appended) {
      written += ids.length;
      expect(since, `what came behind ${after} and before ${appended.firstPosition}`).toEqual([]);
      const positions = ids.map((id) => byId.get(id)?.position);
      expect(positions).toEqual(ids.map((_, i) => appended.firstPosition + BigInt(i)));
    } else {
      expect(since.length, `matches in (${after}, ${until}]`).toBeGreaterThan(0);
      const [shown] = conflict?.conditions ?? [];
      expect(shown?.events.map(({ id }) => id)).toEqual(since.slice(0, 16).map(({ id }) => id));
      expect(shown?.cut).toBe(since.length > 16);
      expect(ids.filter((id) => byId.has(id))).toEqual([]);
    }
  }
  expect(log.length, 'nothing was lost, and nothing written that was refused').toBe(written);
  expect(attempts.some(({ appended }) => appended)).toBe(true);
  expect(attempts.some(({ conflict }) => conflict)).toBe(true);
}

/** Monotonic: while others write, no reader of a query ever sees an earlier part of it change. */
export async function isMonotonic(cluster: Cluster, appends: number): Promise<void> {
  let writing = true;
  let done = 0;
  let disturbed: Promise<void> | undefined;
  const write = async (n: number) => {
    const db = cluster.clients[n % cluster.clients.length] as FactstoreClient;
    for (let turn = 0; turn < appends; turn++) {
      if (++done > appends * 2 && cluster.disturb) disturbed ??= cluster.disturb();
      await db.append(`mono-${n}`, [{ type: 'Mono', data: turn, tags: ['mono', `mono:${turn % 3}`] }]);
    }
  };
  const read = async (n: number) => {
    const query: Query = n % 2 === 0 ? { tags: ['mono'] } : { types: ['Mono'], tags: ['mono', 'mono:1'] };
    let before: { head: bigint; ids: string[] } = { head: 0n, ids: [] };
    let reads = 0;
    while (writing) {
      const db = cluster.clients[(n + reads++) % cluster.clients.length] as FactstoreClient;
      const reading = db.query(query, { consistency: n < 4 ? 'linearizable' : 'local' });
      const { head } = await reading.start();
      const events = await reading.toArray();
      const ids = events.map(({ id }) => id);
      const [earlier, later] = head >= before.head ? [before.ids, ids] : [ids, before.ids];
      expect(later.slice(0, earlier.length)).toEqual(earlier);
      const shared = events.filter((event) => event.position <= before.head).length;
      if (head >= before.head) expect(shared, `up to ${before.head}, as read before`).toBe(before.ids.length);
      // Reads that are linearizable never go back, whichever node serves them.
      if (n < 4) expect(head).toBeGreaterThanOrEqual(before.head);
      before = { head, ids };
    }
    return reads;
  };
  const readers = Array.from({ length: 6 }, (_, n) => read(n));
  await Promise.all(Array.from({ length: 4 }, (_, n) => write(n))).finally(() => {
    writing = false;
  });
  await disturbed;
  for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(1);
}

/** Parallel: boundaries that share nothing never conflict, however much goes on at once. */
export async function isParallel(cluster: Cluster, appends: number): Promise<void> {
  let done = 0;
  let disturbed: Promise<void> | undefined;
  const writer = async (n: number) => {
    const db = cluster.clients[n % cluster.clients.length] as FactstoreClient;
    const query = [{ tags: [`own:${n}`], types: ['Own'] }, { tags: [`own:${n}`, 'more'] }];
    let after = 0n;
    for (let turn = 0; turn < appends; turn++) {
      if (++done > (WRITERS * appends) / 2 && cluster.disturb) disturbed ??= cluster.disturb();
      const events = [{ type: 'Own', data: turn, tags: [`own:${n}`, 'shared'] }];
      const result = await db.append('shared', events, { conditions: [{ failIfEventsMatch: query, after }] });
      after = result.position;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n)));
  await disturbed;
  const own = await (cluster.clients[0] as FactstoreClient).query({ types: ['Own'] }).toArray();
  expect(own).toHaveLength(WRITERS * appends);
}
