import { expect } from 'vitest';
import { encodeFact } from '../../src/model/fact.ts';
import { PayloadDraft } from '../../src/model/payload.ts';
import { retentionAfter } from '../../src/model/retention.ts';
import { encodeChangeFact } from '../../src/model/retention-fact.ts';
import { type SCAVENGE_STARTED, type SCAVENGE_STOPPED, SCAVENGES_STREAM } from '../../src/model/scavenge-fact.ts';
import { EntryType } from '../../src/raft/types.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { Scavenger, type ScavengeStatus } from '../../src/scavenge/scavenger.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { genesisChain } from '../../src/storage/record.ts';
import type { Store } from '../../src/storage/store.ts';
import { logging } from '../peer/support.ts';
import { feed, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { turn } from '../storage/index/memory-store.ts';
import { MemoryPromises } from '../storage/support.ts';

/** Time that is over as soon as somebody sleeps. */
export class Time {
  nowMs = 0;
  /** Done at each turn that the event loop is given. */
  onTurn: () => Promise<void> = turn;

  readonly clock: Clock = {
    nowUs: () => this.nowMs * 1_000,
    monotonicMs: () => this.nowMs,
    setTimer: () => ({ cancel() {} }),
    sleep: async (ms) => {
      this.nowMs += ms;
      await turn();
    },
    soon: (run) => void setImmediate(run),
    yieldTurn: () => this.onTurn(),
  };
}

interface SmallNodeParts {
  readonly time: Time;
  readonly logTables: Store;
  readonly indexTables: Store;
  readonly bytesPerSecond: number;
  readonly turnEntries?: number;
  /** How many positions a block of the index has. */
  readonly blockEvents?: number;
}

/** A log that begins with an event whose stream is deleted behind it, and a scavenger of it. */
export class SmallNode {
  private readonly parts: SmallNodeParts;
  private readonly fixture = new LogFixture();
  private readonly promises = new MemoryPromises();
  private readonly logging = logging();
  private log!: RaftLog;
  private index!: EventIndex;
  private scavenger!: Scavenger;
  private failure: unknown;
  private words = 0;

  constructor(parts: SmallNodeParts) {
    this.parts = parts;
    this.fixture.append({ writes: [{ stream: 'a', events: [{ type: 'T', data: Buffer.alloc(100) }] }] });
    const place = { position: 2, createdUs: this.fixture.createdUs, revision: 0, head: 0 };
    const retention = retentionAfter(undefined, { kind: 'delete' }, place);
    this.seal('$$a', 0, encodeChangeFact(uuid(2), { kind: 'delete' }, 0, retention));
  }

  get status(): ScavengeStatus {
    return this.scavenger.status;
  }

  /** What it has logged. */
  get lines() {
    return this.logging.lines;
  }

  /** Opens what the tables hold, as a start of the node does, which applies what is not in sealed blocks once more. */
  async open(beforeReplay: () => Promise<void> = async () => {}): Promise<void> {
    const { time, logTables, indexTables, blockEvents, ...limits } = this.parts;
    const genesis = genesisChain(new Uint8Array(16));
    this.log = await RaftLog.open(logTables, { path: 'memory', promises: this.promises, genesis, incarnation: 1 });
    const told: { scavenger?: Scavenger } = {};
    const onSystemEvent = (event: Uint8Array) => told.scavenger?.hear(event);
    const options = { onSystemEvent, ...(blockEvents !== undefined && { blockEvents }) };
    this.index = await EventIndex.open(indexTables, this.fixture.chainAt, options);
    this.scavenger = new Scavenger({
      log: this.log,
      index: this.index,
      reader: new EventReader({ log: this.log, yieldTurn: turn }),
      clock: time.clock,
      logger: this.logging.logger,
      ...limits,
      fatal: (error) => {
        this.failure = error;
      },
    });
    told.scavenger = this.scavenger;
    await this.scavenger.start();
    await beforeReplay();
    await this.apply();
  }

  /** Somebody starts a scavenge, or stops it: the facts are applied once this returns. */
  async say(...kinds: readonly (typeof SCAVENGE_STARTED | typeof SCAVENGE_STOPPED)[]): Promise<void> {
    for (const kind of kinds) {
      const fact = encodeFact(uuid(100 + this.words), { kind, data: {} });
      this.seal(SCAVENGES_STREAM, this.words++, fact);
    }
    await this.apply();
  }

  /** Every full block of the index is sealed. */
  async sealed(): Promise<void> {
    await this.index.idle();
  }

  /** Ends the scavenger, as a stop of the node does. */
  async stop(): Promise<void> {
    await this.scavenger.stop();
  }

  /** The scavenge that is under way comes to its end. */
  async through(): Promise<void> {
    for (let turns = 0; this.status.state === 'running' && turns < 10_000; turns++) await turn();
    expect(this.failure).toBeUndefined();
  }

  private seal(stream: string, firstRevision: number, fact: Uint8Array): void {
    const position = this.fixture.records.length + 1;
    const draft = { id: uuid(position), digest: new Uint8Array(16), eventCount: 1 };
    const placed = [{ stream, firstRevision, events: [fact] }];
    this.fixture.seal(EntryType.events, position, 1, new PayloadDraft(draft, placed, position, this.fixture.createdUs));
  }

  private async apply(): Promise<void> {
    const { records } = this.fixture;
    const written = records.slice(this.log.lastIndex);
    const hardState = { term: 1, vote: undefined, commit: records.length };
    if (written.length > 0) await this.log.write({ truncateAfter: undefined, records: written, hardState });
    await feed(this.index, this.fixture);
  }
}
