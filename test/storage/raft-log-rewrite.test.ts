import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { Prng } from '../../src/base/prng.ts';
import { EntryType } from '../../src/raft/types.ts';
import { readDamageNote, removeDamageNote, writeDamageNote } from '../../src/storage/damage-note.ts';
import { dropDamagedLog, rewrittenLogPath, settleSwap, swapLogs } from '../../src/storage/log-swap.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { type FetchEntries, rewriteLog } from '../../src/storage/raft-log-rewrite.ts';
import { entryKey, membershipKey } from '../../src/storage/raft-log-rows.ts';
import type { EntryRecord } from '../../src/storage/record.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { append, EMPTY_LOG, entriesAfter, failure, GENESIS, MemoryPromises, temporaryDirectory } from './support.ts';

const LENGTH = 400;
const COMMIT = 390;

/** A log of 400 entries of which 390 are committed, among them some of membership. */
async function makeLog() {
  const store = new MemoryStore();
  const promises = new MemoryPromises();
  const log = await RaftLog.open(store, { path: '/data', promises, genesis: GENESIS, incarnation: 1 });
  const records = entriesAfter(EMPTY_LOG, LENGTH, (i) => ({
    ...(i % 90 === 0 && { type: EntryType.membership, events: 0 }),
    term: 1 + (i >> 7),
    payload: Buffer.alloc(30 + (i % 5) * 400, i),
  }));
  await append(log, records, COMMIT);
  return { store, promises, records };
}

/** A peer that has everything, and counts what it is asked for. */
function peer(records: readonly EntryRecord[]) {
  const asked: number[] = [];
  const fetch: FetchEntries = async (from, to, refusal) => {
    for (let index = from; index <= to; index++) asked.push(index);
    const answer = records.slice(from - 1, to);
    const reason = await refusal(answer);
    if (reason !== undefined) throw new FactstoreError('UNREACHABLE', reason);
    return answer;
  };
  return { fetch, asked };
}

async function rewrite(from: MemoryStore, fetch: FetchEntries): Promise<MemoryStore> {
  const to = new MemoryStore();
  for await (const _ of rewriteLog(from, to, { path: '/data', genesis: GENESIS, fetch })) {
    // Each step is one batch.
  }
  return to;
}

const put = (key: Buffer, value: Uint8Array) => ({ type: 'put', key, value }) as const;
const del = (key: Buffer) => ({ type: 'del', key }) as const;

describe('a damaged log is written anew', () => {
  test('with what peers have of the damaged entries, and of no others; votes and commit index stay [D7]', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Prng(seed);
      const { store, promises, records } = await makeLog();
      const damaged = new Set<number>();
      for (let i = random.between(1, 60); i > 0; i--) {
        const index = random.between(1, COMMIT + 1);
        const { bytes } = records[index - 1] as EntryRecord;
        const wrong = Buffer.from(bytes);
        wrong[random.between(0, wrong.length)]! ^= 1 << random.between(0, 8);
        // Another entry with a right checksum for its place cannot come from a flipped bit, but from an old file it can.
        const operation = random.between(0, 3) === 0 ? del(entryKey(index)) : put(entryKey(index), wrong);
        await store.write([operation], true);
        damaged.add(index);
      }
      const { fetch, asked } = peer(records);
      const whole = await rewrite(store, fetch);
      const log = await RaftLog.open(whole, { path: '/data', promises, genesis: GENESIS, incarnation: 2 });
      const found = await log.read(1, LENGTH, Number.MAX_SAFE_INTEGER);
      expect(found.map(({ bytes }) => bytes.toString('hex'))).toEqual(
        records.map(({ bytes }) => bytes.toString('hex')),
      );
      expect(log.hardState).toEqual({ term: 4, vote: undefined, commit: COMMIT });
      expect(log.recovered.memberships.map(({ index }) => index)).toEqual([1, 91, 181, 271, 361]);
      expect(new Set(asked)).toEqual(damaged);
    }
  });

  test('an entry of another history that goes on with the log is never passed off as repaired [D7]', async () => {
    const { store, records } = await makeLog();
    const before = records[98] as EntryRecord;
    const [other] = entriesAfter(before, 1, { payload: Buffer.from('of another history'), term: before.term });
    await store.write([put(entryKey(100), (other as EntryRecord).bytes)], true);
    const error = await failure(rewrite(store, peer(records).fetch));
    expect(error.message).toMatch(/its entry 101 is another one: its chain hash is wrong/);
  });

  test('membership rows that were lost follow from the entries [D6]', async () => {
    const { store, promises, records } = await makeLog();
    await store.write([del(membershipKey(181)), put(membershipKey(91), Buffer.from('wrong'))], true);
    const whole = await rewrite(store, peer(records).fetch);
    const log = await RaftLog.open(whole, { path: '/data', promises, genesis: GENESIS, incarnation: 2 });
    expect(log.recovered.memberships.map(({ index }) => index)).toEqual([1, 91, 181, 271, 361]);
  });

  test('what may have been promised is never taken from a peer [D7]', async () => {
    const { store, records } = await makeLog();
    await store.write([del(entryKey(COMMIT + 1))], true);
    const { fetch, asked } = peer(records);
    expect((await failure(rewrite(store, fetch))).details).toMatchObject({ kind: 'promiseLost', index: COMMIT + 1 });
    expect(asked).toEqual([]);
  });

  test('a peer with another entry there, with none, or with too many is refused [D7]', async () => {
    const { store, records } = await makeLog();
    await store.write([del(entryKey(50))], true);
    const other = entriesAfter(records[47] as EntryRecord, 2, { payload: Buffer.from('other') });
    const answers: [readonly EntryRecord[], RegExp][] = [
      [other.slice(1), /its entry 50 is another one: its chain hash is wrong/],
      [[], /it has no entry 50/],
      [records.slice(49, 60), /more entries than were asked for/],
    ];
    for (const [answer, reason] of answers) {
      const fetch: FetchEntries = async (_from, _to, refusal) => {
        throw new FactstoreError('UNREACHABLE', (await refusal(answer)) ?? 'accepted');
      };
      expect((await failure(rewrite(store, fetch))).message).toMatch(reason);
    }
  });
});

describe('the new log takes the place of the old one', () => {
  async function directoryWith(...names: string[]): Promise<string> {
    const directory = await temporaryDirectory();
    for (const name of names) {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, name), '');
    }
    return directory;
  }

  test('whenever the process dies, the next start finds one whole log [D7]', async () => {
    // While it is being written: forgotten. Complete, the old one away: it is the log.
    const unfinished = await directoryWith('log', 'log.rewritten');
    await settleSwap(unfinished);
    expect(await readdir(unfinished)).toEqual(['log']);

    const halfWay = await directoryWith('log.damaged', 'log.rewritten');
    await settleSwap(halfWay);
    expect(await readdir(join(halfWay, 'log'))).toEqual(['log.rewritten']);
    expect(await readdir(halfWay)).toEqual(['log']);

    const whole = await directoryWith('log', 'log.rewritten');
    await swapLogs(whole);
    expect(await readdir(join(whole, 'log'))).toEqual(['log.rewritten']);
    expect(await readdir(whole)).toEqual(['log', 'log.damaged']);
    await settleSwap(whole);
    expect(await readdir(join(whole, 'log'))).toEqual(['log.rewritten']);
    expect(await readdir(whole)).toEqual(['log']);

    const empty = await directoryWith();
    await settleSwap(empty);
    expect(await readdir(empty)).toEqual([]);
    expect(rewrittenLogPath(empty)).toBe(join(empty, 'log.rewritten'));
  });

  test("an old log that an earlier repair has left is in nobody's way [D7]", async () => {
    const directory = await directoryWith('log', 'log.damaged', 'log.rewritten');
    await swapLogs(directory);
    expect(await readdir(join(directory, 'log'))).toEqual(['log.rewritten']);
    expect(await readdir(join(directory, 'log.damaged'))).toEqual(['log']);
    await dropDamagedLog(directory);
    expect(await readdir(directory)).toEqual(['log']);
  });

  test('the note of what is damaged goes with the log that it is of [D7]', async () => {
    const damage = { kind: 'belowCommit', index: 17, text: 'entry 17: its checksum is wrong' } as const;
    const swapped = await directoryWith('log', 'log.rewritten');
    const halfWay = await directoryWith('log.damaged', 'log.rewritten');
    const damagedAgain = await directoryWith('log', 'log.damaged');
    for (const directory of [swapped, halfWay, damagedAgain]) await writeDamageNote(directory, damage);
    await swapLogs(swapped);
    await settleSwap(halfWay);
    await settleSwap(damagedAgain);
    expect(await readDamageNote(swapped)).toBeUndefined();
    expect(await readDamageNote(halfWay)).toBeUndefined();
    expect(await readDamageNote(damagedAgain)).toEqual(damage);
  });

  test('damage that was met is noted for the next start, even by a note that cannot be read', async () => {
    const directory = await temporaryDirectory();
    expect(await readDamageNote(directory)).toBeUndefined();
    const damage = { kind: 'belowCommit', index: 17, text: 'entry 17: its checksum is wrong' } as const;
    await writeDamageNote(directory, damage);
    expect(await readDamageNote(directory)).toEqual(damage);
    await writeFile(join(directory, 'damaged.json'), '{"ind');
    expect(await readDamageNote(directory)).toMatchObject({ kind: 'belowCommit', index: 0 });
    await removeDamageNote(directory);
    expect(await readDamageNote(directory)).toBeUndefined();
  });
});
