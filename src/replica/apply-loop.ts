import { assert } from '../base/assert.ts';
import type { Clock } from '../runtime/clock.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { Watched } from '../runtime/watched.ts';
import type { EntryRecord } from '../storage/record.ts';
import type { AppliedState, DurableLog } from './ports.ts';

export interface ApplyLoopPorts {
  readonly log: Pick<DurableLog, 'read'>;
  readonly state: AppliedState;
  readonly clock: Clock;
  /** The entry, if it is still in memory. */
  inMemory(index: number): EntryRecord | undefined;
  /** These have been applied, in order. */
  applied(records: readonly EntryRecord[]): void;
}

const BATCH_ENTRIES_MAX = 1_024;
const BATCH_BYTES_MAX = 4 << 20;
/** An entry with more events is applied in steps. */
const EVENTS_AT_ONCE_MAX = 1_000;
/** An apply turn ends after this long, so that heartbeats and requests are not kept waiting (rule C3). */
const TURN_MS = 8;

/**
 * Applies committed entries to the index, in order, in bounded turns. It decides nothing: the leader judged each entry
 * before it was proposed, and what is committed is a fact.
 */
export class ApplyLoop {
  /** Entries up to here are committed and synced on this node (rule D8). */
  readonly committed: Watched;
  /** Entries up to here are in the index. */
  readonly applied: Watched;
  private readonly ports: ApplyLoopPorts;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(ports: ApplyLoopPorts) {
    this.ports = ports;
    this.committed = new Watched(ports.state.appliedIndex);
    this.applied = new Watched(ports.state.appliedIndex);
  }

  /** Starts; `fatal` gets whatever ends the loop early. */
  start(fatal: (error: unknown) => void): void {
    this.running = this.run().catch(fatal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { state } = this.ports;
    while (await this.committed.reached(this.applied.value + 1, this.stopping.signal)) {
      const records = await this.collect(this.applied.value + 1, this.committed.value);
      await state.prepare(records);
      await this.applyInTurns(records);
      if (this.stopping.signal.aborted) return;
    }
  }

  private async applyInTurns(records: readonly EntryRecord[]): Promise<void> {
    const { state, clock } = this.ports;
    let done = 0;
    while (done < records.length) {
      await this.roomFor(state.ready());
      if (this.stopping.signal.aborted) return;
      const from = done;
      const turnEnds = clock.monotonicMs() + TURN_MS;
      do {
        const record = records[done++] as EntryRecord;
        if (record.count > EVENTS_AT_ONCE_MAX) await state.applyInSteps(record, clock.yieldTurn);
        else state.apply(record);
      } while (done < records.length && clock.monotonicMs() < turnEnds);
      const turn = records.slice(from, done);
      this.applied.raise((turn.at(-1) as EntryRecord).index);
      this.ports.applied(turn);
      if (done < records.length) await clock.yieldTurn();
    }
  }

  /** The index may wait for space on the disk, without an end: a stop ends that. */
  private async roomFor(ready: Promise<void> | undefined): Promise<void> {
    const { signal } = this.stopping;
    if (!ready) return;
    await untilAborted(ready, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  private async collect(from: number, to: number): Promise<readonly EntryRecord[]> {
    const records: EntryRecord[] = [];
    let bytes = 0;
    for (let index = from; index <= to && records.length < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX; index++) {
      const record = this.ports.inMemory(index);
      if (!record) break;
      records.push(record);
      bytes += record.bytes.length;
    }
    if (records.length > 0) return records;
    const read = await this.ports.log.read(from, Math.min(to, from + BATCH_ENTRIES_MAX - 1), BATCH_BYTES_MAX);
    assert(read.length > 0, () => `log entry ${from} is committed, but the log does not have it`);
    return read;
  }
}
