import { expect, test } from 'vitest';
import type { Signal } from '../../src/base/signal.ts';
import { encodeFact } from '../../src/model/fact.ts';
import { PayloadDraft } from '../../src/model/payload.ts';
import { retentionAfter } from '../../src/model/retention.ts';
import { encodeChangeFact } from '../../src/model/retention-fact.ts';
import { SCAVENGE_STARTED, SCAVENGES_STREAM } from '../../src/model/scavenge-fact.ts';
import { EntryType } from '../../src/raft/types.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { Scavenger } from '../../src/scavenge/scavenger.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { genesisChain } from '../../src/storage/record.ts';
import type { CompactionRest } from '../../src/storage/store.ts';
import { feed, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';
import { MemoryPromises } from '../storage/support.ts';

const MIB = 1 << 20;

/** Time that is over as soon as somebody sleeps. */
class Time {
  nowMs = 0;

  readonly clock: Clock = {
    nowUs: () => this.nowMs * 1_000,
    monotonicMs: () => this.nowMs,
    setTimer: () => ({ cancel() {} }),
    sleep: async (ms) => {
      this.nowMs += ms;
      await turn();
    },
    soon: (run) => void setImmediate(run),
    yieldTurn: turn,
  };
}

/** A store whose ranges of keys have two pieces each, half a second of work. */
class Tables extends MemoryStore {
  readonly begun: number[] = [];
  private readonly time: Time;

  constructor(time: Time) {
    super();
    this.time = time;
  }

  override async compact(
    _from?: Uint8Array,
    _to?: Uint8Array,
    _signal?: Signal,
    rest?: CompactionRest,
  ): Promise<boolean> {
    for (let piece = 0; piece < 2; piece++) {
      this.begun.push(this.time.nowMs);
      this.time.nowMs += 500;
      if (!(await rest?.(4 * MIB))) return false;
    }
    return true;
  }
}

function put(log: LogFixture, position: number, stream: string, fact: Uint8Array): void {
  const draft = { id: uuid(position), digest: new Uint8Array(16), eventCount: 1 };
  const placed = [{ stream, firstRevision: 0, events: [fact] }];
  log.seal(EntryType.events, position, 1, new PayloadDraft(draft, placed, position, log.createdUs));
}

test('a scavenge rewrites tables no faster than it may look through the log [R2] [C3]', async () => {
  const time = new Time();
  const fixture = new LogFixture();
  fixture.append({ writes: [{ stream: 'a', events: [{ type: 'T', data: Buffer.alloc(100) }] }] });
  const place = { position: 2, createdUs: fixture.createdUs, revision: 0, head: 0 };
  const retention = retentionAfter(undefined, { kind: 'delete' }, place);
  put(fixture, 2, '$$a', encodeChangeFact(uuid(2), { kind: 'delete' }, 0, retention));
  put(fixture, 3, SCAVENGES_STREAM, encodeFact(uuid(3), { kind: SCAVENGE_STARTED, data: {} }));
  const [logTables, indexTables] = [new Tables(time), new Tables(time)];
  const promises = new MemoryPromises();
  const log = await RaftLog.open(logTables, {
    path: 'memory',
    promises,
    genesis: genesisChain(new Uint8Array(16)),
    incarnation: 1,
  });
  const hardState = { term: 1, vote: undefined, commit: 3 };
  await log.write({ truncateAfter: undefined, records: fixture.records, hardState });
  const index = await EventIndex.open(indexTables, fixture.chainAt, {});
  await feed(index, fixture);
  let failure: unknown;
  const scavenger = new Scavenger({
    log,
    index,
    reader: new EventReader({ log, yieldTurn: turn }),
    clock: time.clock,
    logger: { info() {}, warn() {}, error() {} } as never,
    bytesPerSecond: 2 * MIB,
    fatal: (error) => {
      failure = error;
    },
  });
  await scavenger.start();
  for (let turns = 0; scavenger.status.state === 'running' && turns < 10_000; turns++) await turn();
  expect(failure).toBeUndefined();
  expect(scavenger.status).toMatchObject({ state: 'done', events: 1 });
  // 4 MiB take half a second of work and one and a half of rest.
  const [first = 0] = logTables.begun;
  expect(logTables.begun.map((ms) => ms - first)).toEqual([0, 2_000]);
  // Types and tags are two ranges.
  expect(indexTables.begun.map((ms) => ms - first)).toEqual([4_000, 6_000, 8_000, 10_000]);
});
