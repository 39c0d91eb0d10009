import { FactstoreError } from '../base/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { damageIn } from '../storage/damage.ts';
import type { EventIndex } from '../storage/index/event-index.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { RaftLog } from '../storage/raft-log.ts';
import type { EntryRecord } from '../storage/record.ts';
import type { ScavengeProgress } from '../storage/scavenge-row.ts';
import { Eraser } from './erasing.ts';
import { PointVisibility } from './point-visibility.ts';
import { newestWords, type Word, wordAfter, wordIn } from './word.ts';

export interface ScavengerPorts {
  readonly log: Pick<RaftLog, 'read' | 'replace' | 'scavengeProgress' | 'compact'>;
  readonly index: EventIndex;
  readonly reader: EventReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How much of the log is looked through in a second, at most, and how much of the tables rewritten. */
  readonly bytesPerSecond: number;
  /**
   * Whether nothing on this node is to see what is hidden up to a point as it was any more (rule P1). Without it, nothing is.
   */
  readonly passed?: (point: number) => Promise<boolean>;
  /** How many entries one turn reads at most; 256 unless given. */
  readonly turnEntries?: number;
  /** The disk failed, or what is on it makes no sense: the process must end. */
  fatal(error: unknown): void;
}

/**
 * - `none`: there was none yet. - `running`: this node is at it. - `done`: it is through.
 * - `stopped`: a fact ended it before it was through on this node.
 */
export type ScavengeState = 'none' | 'running' | 'done' | 'stopped';

/** The last scavenge, as far as this node has come with it. */
export interface ScavengeStatus {
  readonly state: ScavengeState;
  /** The scavenge point; 0: none. */
  readonly point: number;
  /** Entries up to this index were looked at, of those up to `to`. */
  readonly through: number;
  readonly to: number;
  readonly events: number;
  readonly bytes: number;
  /** What of the log is lost, so that it cannot go on; empty: nothing. */
  readonly waitsFor: string;
}

/** One turn reads about this much (rule C3). */
const TURN_BYTES = 64 << 10;
const TURN_ENTRIES = 256;
/** So many entries without anything to erase go by until the progress is written. */
const ENTRIES_PER_ROW = 10_000;
const WAIT_FOR_APPLY_MS = 5;
const PASSED_AGAIN_MS = 10;
const LOST_AGAIN_MS = 5_000;

/**
 * Erases on this node what the log says is hidden at the last scavenge point (rule R2), beside everything else that the
 * node does. First the names go from the index, then the content from the log: what is in the log still names what
 * has to go from the index, so a kill at any moment leaves nothing behind that the next start does not find.
 */
export class Scavenger {
  private readonly ports: ScavengerPorts;
  private readonly stopping = new AbortController();
  private word: Word | undefined;
  private progress: ScavengeProgress | undefined;
  private to = 0;
  private replacedTo = 0;
  private running: Promise<void> | undefined;
  private started = false;
  private stubAt = 0;
  /** The point up to which this run has erased everything; rewriting the tables may still be under way. */
  private erasedTo = 0;
  private waitsFor = '';

  constructor(ports: ScavengerPorts) {
    this.ports = ports;
  }

  /** Goes on with what the log says; call it once the index is open. */
  async start(): Promise<void> {
    this.progress = await this.ports.log.scavengeProgress();
    for (const word of await newestWords(this.ports.reader, this.ports.index.view())) this.hear(word);
    this.started = true;
    this.wake();
  }

  /** An event of a system stream was applied, which may be one about scavenges. */
  hear(event: Uint8Array): void {
    const word = wordIn(event);
    if (!word || word.position <= (this.word?.position ?? 0)) return;
    this.word = wordAfter(this.word, word.position, word.starts);
    this.waitsFor = '';
    this.wake();
  }

  /** Whether there is one that can be stopped: what is gone on with behind a stop cannot. */
  get canBeStopped(): boolean {
    return this.word?.starts === true;
  }

  get status(): ScavengeStatus {
    const { progress, word, to } = this;
    const point = word?.starts ? word.point : (this.pending() ?? progress?.point ?? 0);
    const known = progress && progress.point >= point ? progress : undefined;
    const state = this.stateOf(known);
    const { through = 0, events = 0, bytes = 0 } = known ?? {};
    const waitsFor = state === 'running' ? this.waitsFor : '';
    return { state, point, through, to: Math.max(to, through), events, bytes, waitsFor };
  }

  /** What was erased, as far as this node knows: by itself, or by others before an entry came here. */
  get erasures(): { point: number; erased: number; begun: boolean; pending: boolean; stub: number } {
    const { progress, stubAt } = this;
    const point = Math.max(this.word?.point ?? 0, progress?.point ?? 0);
    const next = this.pending();
    const pending = next !== undefined && this.erasedTo !== next;
    const erased = isDone(progress) ? progress.point : 0;
    return { point, erased, begun: progress?.point === point && point > 0, pending, stub: stubAt };
  }

  /** Entries were applied; what came here as a stub had been erased by others. */
  met(records: readonly EntryRecord[]): void {
    for (const record of records) if (record.erased) this.stubAt = Math.max(this.stubAt, record.nextPosition - 1);
  }

  /** Whether what memory holds of an entry may be more than the log still has. */
  mayHaveReplaced(logIndex: number): boolean {
    return logIndex <= this.replacedTo;
  }

  /** Ends after the turn that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private stateOf(progress: ScavengeProgress | undefined): ScavengeState {
    if (this.pending() !== undefined) return 'running';
    if (isDone(progress)) return 'done';
    if (this.word?.starts) return 'running';
    return this.word ? 'stopped' : 'none';
  }

  private wake(): void {
    if (!this.started || this.running || this.stopping.signal.aborted || !this.pending()) return;
    this.running = this.run()
      .catch((error: unknown) => this.failed(error))
      .finally(() => {
        this.running = undefined;
        this.wake();
      });
  }

  /**
   * What is lost of the log cannot be erased. Where others have it the node is mended by its next start, to which it comes
   * without this; else it goes on with all that it still has (rule D7), and the scavenge waits for as long.
   */
  private async failed(error: unknown): Promise<void> {
    const { clock, logger, fatal } = this.ports;
    if (this.stopping.signal.aborted) return;
    const damage = damageIn(error);
    if (damage?.kind !== 'belowCommit') {
      this.stopping.abort();
      return fatal(error);
    }
    if (!this.pending()) return;
    if (this.waitsFor !== damage.text) {
      const text = `the scavenge waits at what this node has lost, and goes on once that is restored, or ends by a stop: ${damage.text}`;
      logger.error({ event: 'scavenge.waits', index: damage.index }, text);
    }
    this.waitsFor = damage.text;
    await clock.sleep(LOST_AGAIN_MS, this.stopping.signal);
  }

  /** The point that is to be scavenged up to; undefined: nothing is to be done. */
  private pending(): number | undefined {
    const { word } = this;
    const { point: begun = 0, doneTo = 0 } = this.progress ?? {};
    // A start hears of the newest one only when its entry is applied again, and may have begun with it before it ended.
    if (!word || begun > word.position || doneTo >= word.point) return undefined;
    return word.point;
  }

  private goesOn(point: number): boolean {
    return !this.stopping.signal.aborted && this.pending() === point;
  }

  private async run(): Promise<void> {
    const point = this.pending() as number;
    const { index, clock, logger } = this.ports;
    // The fact is heard while its entry is being applied.
    while (index.head < point) {
      if (!this.goesOn(point)) return;
      await clock.sleep(WAIT_FOR_APPLY_MS, this.stopping.signal);
    }
    const { logIndex } = await index.view().locate(point);
    this.to = logIndex;
    // What was begun at a later point, which was stopped, is what is hidden here and more: it goes on from there.
    if ((this.progress?.point ?? 0) < point) {
      if (!(await this.isPassed(point))) return;
      // Where nothing is known of earlier scavenges, such as beside an index whose log was mended, one may have left it.
      const owesRewrite = this.progress?.owesRewrite ?? true;
      const doneTo = this.progress?.doneTo ?? 0;
      this.progress = { point, doneTo, through: 0, events: 0, bytes: 0, owesRewrite };
    }
    if (this.waitsFor === '') logger.info({ event: 'scavenge.started', point }, `scavenging up to position ${point}`);
    if (!(await this.eraseTo(logIndex, point))) return;
    this.erasedTo = point;
    const progress = this.progress as ScavengeProgress;
    if (!(await this.compact(Math.max(logIndex, progress.through), point))) return;
    await this.keep([], { ...progress, doneTo: point, owesRewrite: false });
    const { events, bytes } = progress;
    logger.info(
      { event: 'scavenge.done', point, events, bytes },
      `scavenged up to position ${point}: ${events} events erased, ${bytes} bytes freed`,
    );
  }

  /** Waits until nobody on this node is to see any more what is to be erased; false: a fact ended it, or the node stops. */
  private async isPassed(point: number): Promise<boolean> {
    const { passed, clock } = this.ports;
    while (passed && this.goesOn(point) && !(await passed(point)))
      await clock.sleep(PASSED_AGAIN_MS, this.stopping.signal);
    return this.goesOn(point);
  }

  /** False: a fact ended it, or the node stops. */
  private async eraseTo(last: number, point: number): Promise<boolean> {
    const { index, reader, log, clock, turnEntries = TURN_ENTRIES } = this.ports;
    const view = index.view();
    const { createdUs } = await view.locate(point);
    const eraser = new Eraser(new PointVisibility(view, reader, { position: point, createdUs }), clock.yieldTurn);
    for (let next = (this.progress?.through ?? 0) + 1; next <= last; ) {
      if (!this.goesOn(point)) return false;
      const begunMs = clock.monotonicMs();
      const records = await log.read(next, Math.min(last, next + turnEntries - 1), TURN_BYTES);
      if (records.length === 0) throw new FactstoreError('INTERNAL', `the raft log has no entry ${next} to scavenge`);
      await this.eraseAll(records, eraser);
      next += records.length;
      const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
      await this.pace(bytes, begunMs);
    }
    return true;
  }

  private async eraseAll(records: readonly EntryRecord[], eraser: Eraser): Promise<void> {
    let { events, bytes, owesRewrite, ...progress } = this.progress as ScavengeProgress;
    const stubs: EntryRecord[] = [];
    const names = [];
    for (const record of records) {
      const erased = await eraser.erase(record);
      if (!erased) continue;
      stubs.push(erased.stub);
      names.push(...erased.names);
      owesRewrite = true;
      events += erased.events;
      bytes += record.bytes.length - erased.stub.bytes.length;
    }
    const through = (records.at(-1) as EntryRecord).index;
    if (names.length > 0) await this.ports.index.forget(names, this.ports.clock.yieldTurn, this.stopping.signal);
    await this.keep(stubs, { ...progress, owesRewrite, through, events, bytes });
  }

  /** Where nothing was erased, having come so far is worth a write only now and then. */
  private async keep(stubs: readonly EntryRecord[], progress: ScavengeProgress): Promise<void> {
    const before = this.progress as ScavengeProgress;
    const rare = Math.floor(before.through / ENTRIES_PER_ROW) === Math.floor(progress.through / ENTRIES_PER_ROW);
    // Before the write: a read that begins while it is under way finds the old or the new entry, but asks the log.
    this.replacedTo = Math.max(this.replacedTo, stubs.at(-1)?.index ?? 0);
    if (stubs.length > 0 || progress.doneTo !== before.doneTo || !rare) await this.ports.log.replace(stubs, progress);
    this.progress = progress;
    this.waitsFor = '';
  }

  /**
   * What was replaced still lies in LevelDB's older tables until they are rewritten, which is as throttled as the rest. An
   * earlier scavenge, which this one took the place of, may have left that to it.
   */
  private async compact(last: number, point: number): Promise<boolean> {
    const { log, index, clock } = this.ports;
    if (!this.progress?.owesRewrite) return true;
    let begunMs = clock.monotonicMs();
    const rest = async (bytes: number) => {
      await this.pace(bytes, begunMs);
      begunMs = clock.monotonicMs();
      return this.goesOn(point);
    };
    const { signal } = this.stopping;
    return (await log.compact(last, signal, rest)) && (await index.compact(signal, rest));
  }

  /** Waits until as much time has gone by as this takes at the rate that is allowed. */
  private async pace(bytes: number, begunMs: number): Promise<void> {
    const { clock, bytesPerSecond } = this.ports;
    const restMs = (bytes * 1_000) / bytesPerSecond - (clock.monotonicMs() - begunMs);
    if (restMs >= 1) await clock.sleep(restMs, this.stopping.signal);
    else await clock.yieldTurn();
  }
}

function isDone(progress: ScavengeProgress | undefined): progress is ScavengeProgress {
  return progress !== undefined && progress.doneTo === progress.point;
}
