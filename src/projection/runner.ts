import { FactstoreError } from '../base/errors.ts';
import { Cancellation, type Signal } from '../base/signal.ts';
import { type Generation, type Projection, producerOf, type Segment } from '../model/projection.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { Watched } from '../runtime/watched.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { DiskRoom, type DiskRoomPorts } from './disk-room.ts';
import { EventSource, type SourceBatch } from './event-source.ts';
import type { GenerationStore, ParkedEvent } from './generation-store.ts';
import { LostEntry } from './lost-entry.ts';
import { firstRefused, outboxRows } from './outbox.ts';
import { Pace } from './pace.ts';
import type { BatchOutcome, Fault, Program } from './program.ts';
import { Progress } from './progress.ts';
import { ReadAhead } from './read-ahead.ts';
import { withResultStreams } from './result-stream.ts';
import type { SandboxHolder, SandboxMemory } from './sandbox-memory.ts';
import { isDigestPlace, StateDigest } from './state-digest.ts';
import { type RecoveryPorts, StateRecovery } from './state-recovery.ts';

/** What runners are built on. */
export interface RunnerPorts extends RecoveryPorts, DiskRoomPorts {
  /** The last applied position. */
  readonly head: Watched;
  readonly reader: EventReader;
  readonly clock: Clock;
  readonly logger: Logger;
  view(): IndexView;
  openProgram(source: string): Promise<Program>;
  /** Of all sandboxes of the node, no more are at work at a time than leave a core to the node itself (rule P5). */
  readonly sandboxes: Turnstile;
  readonly sandboxMemory: SandboxMemory;
  /** How far a producer has come, as this node has applied it. */
  cursor(producer: string): Promise<number>;
  /** State that can no longer be trusted. */
  fatal(error: unknown): void;
}

/** What a generation may do, which changes with the facts. */
export interface RunnerRange {
  /** It processes events up to this position; infinity: as they come. */
  readonly until: number;
  /** Where it emits. */
  readonly segments: readonly Segment[];
}

/** Hears of each step of the checkpoint, and of the partitions that changed with it. */
export type StepListener = (partitions: Iterable<string>) => void;

/** Rows of the outbox, at most: beyond it the projection pauses until some were appended (rule P2). */
const OUTBOX_ROWS_MAX = 10_000;
const OUTBOX_RETRY_MS = 50;
const DISK_RETRY_MS = 500;
const SYNC_EVERY_MS = 1_000;
/** What is so far behind the head has to catch up, and takes large batches anyway. */
const AT_HEAD = 1_000;
/** How often a fault that is this node's own is tried again in a fresh sandbox before it stands (rule P4). */
const RETRIES = 3;
const RETRY_MS = 1_000;
/** A checkpoint is written, though no event was the program's, each time that it has moved by so much. */
const QUIET_CHECKPOINT = 10_000;

const NOTHING: BatchOutcome = { processed: 0, changed: new Map(), emissions: [], logs: [] };
const NO_EVENTS: SourceBatch = { events: [], lookedTo: 0, hops: new Map() };

/**
 * Runs one generation of a projection on this node: reads its source in batches, has the program process them, and writes
 * state, checkpoint and outbox together. A fault stops it alone.
 */
export class GenerationRunner implements SandboxHolder {
  readonly generation: Generation;
  readonly store: GenerationStore;
  /** The position up to which the state in the store has come. */
  readonly checkpoint: Watched;
  readonly progress: Progress;
  /** The nodes whose states differ from these, and the position by which they did. */
  readonly divergences = new Map<string, number>();
  private readonly projection: Projection;
  private readonly ports: RunnerPorts;
  private readonly range: () => RunnerRange;
  private readonly stepped: StepListener;
  private readonly stopping = new AbortController();
  private program: Program | undefined;
  private source: ReadAhead | undefined;
  private running: Promise<void> | undefined;
  private fault: Fault | undefined;
  private retriedAt = -1;
  private retries = 0;
  private syncedMs = 0;
  private readonly pace = new Pace();
  private digest: StateDigest;
  private digestAt = 0;
  private readonly recovery: StateRecovery;
  private readonly lostEntry: LostEntry;
  private readonly room: DiskRoom;
  /** The checkpoint is to be written once it has come here, though no event was the program's. */
  private keepTo = 0;
  /** Ends the wait under way, or the next one. */
  private wake = new Cancellation();
  private givesBack = false;

  constructor(
    ports: RunnerPorts,
    projection: Projection,
    generation: Generation,
    store: GenerationStore,
    options: {
      readonly range: () => RunnerRange;
      readonly stepped: StepListener;
      /** All of the state has become another one. */
      readonly replaced: () => void;
    },
  ) {
    this.ports = ports;
    this.projection = projection;
    this.generation = generation;
    this.store = store;
    this.range = options.range;
    this.stepped = options.stepped;
    this.checkpoint = new Watched(store.checkpoint.position);
    this.progress = new Progress(ports.clock);
    this.digest = new StateDigest(store.checkpoint.position);
    this.lostEntry = new LostEntry(ports, projection.name);
    this.room = new DiskRoom(ports);
    this.recovery = new StateRecovery({
      ...ports,
      room: this.room,
      name: projection.name,
      generation,
      store,
      checkpoint: this.checkpoint,
      until: () => this.range().until,
      stopping: this.stopping,
      closeProgram: () => this.closeProgram(),
      replaced: (position) => {
        this.digest = new StateDigest(position);
        this.divergences.clear();
        options.replaced();
      },
    });
  }

  /** The last position of this run at which its states were digested; 0: none was. */
  get lastDigestAt(): number {
    return this.digestAt;
  }

  /** Why it stands still; undefined: it does not. */
  get faulted(): Fault | undefined {
    return this.fault;
  }

  /** Whether it has processed all that there is for it. */
  get caughtUp(): boolean {
    return this.checkpoint.value >= Math.min(this.ports.head.value, this.range().until);
  }

  /**
   * Whether nothing more is to come of what it emits up to the end of a span: it has come there, or threw before, as it does
   * on every node (rule P4). What else stands still may go on on this node, or has on another one.
   */
  hasEmittedTo(until: number): boolean {
    return this.checkpoint.value >= until || (this.fault?.kind === 'threw' && Number.isFinite(until));
  }

  /** Whether it processes nothing, because too much of what it has emitted waits to be appended. */
  get outboxIsFull(): boolean {
    return this.store.outboxRows >= OUTBOX_ROWS_MAX;
  }

  /** Why it neither processes events nor stands still by a fault; undefined: nothing keeps it. */
  get waitsFor(): string | undefined {
    return this.recovery.obstacle ?? this.lostEntry.obstacle ?? (this.stopped ? undefined : this.room.obstacle);
  }

  /** Whether there is no state here to be asked for: it has to come from another node. */
  get lacking(): boolean {
    return this.recovery.lacking;
  }

  /** Whether no node has the state, which cannot be built any more. */
  get lost(): boolean {
    return this.recovery.lost;
  }

  /**
   * Whether nothing up to a position is read any more, now or after a restart, as far as that depends on this run. Where
   * only its checkpoint on the disk is behind, it is written soon.
   */
  hasPassed(position: number): boolean {
    if (this.generation.began > position || this.fault || this.lacking) return true;
    return this.keeps(Math.min(position, this.range().until));
  }

  /** Whether its state has come to a position and says so on the disk; where it only does not say so, it is written soon. */
  keeps(position: number): boolean {
    if (this.store.checkpoint.position >= position) return true;
    this.keepTo = Math.max(this.keepTo, position);
    if (this.checkpoint.value >= position) this.wake.abort();
    return false;
  }

  /** Whether its state has come to a position before the signal is aborted. What there is of it is processed at once. */
  reached(position: number, signal: Signal): Promise<boolean> {
    if (this.checkpoint.value < position) this.wake.abort();
    return this.checkpoint.reached(position, signal);
  }

  /** How much memory its sandbox has taken; 0: it has none now. */
  get memoryBytes(): number {
    return this.program?.memoryBytes ?? 0;
  }

  /** Its sandbox holds states that were used last: a fresh one reads those that it needs again. */
  giveBack(): void {
    this.givesBack = true;
    this.wake.abort();
  }

  /** Whether it was stopped: what runs on is another one on the same store. */
  get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Ends after the batch that is being written. The store stays as it is. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    this.ports.sandboxMemory.add(this);
    try {
      await this.ports.upToDate(signal);
      while (!signal.aborted && !this.fault) {
        await this.goOn().catch(async (error: unknown) => {
          // What the program did of a batch that was not written must not be kept.
          await this.closeProgram();
          await this.lostEntry.wait(error, signal);
        });
      }
      if (!this.lacking) await this.keepQuiet();
    } catch (error) {
      // The program's own failures end in a fault; what is left is the disk, or a bug.
      if (!signal.aborted) this.ports.fatal(error);
    } finally {
      await this.source?.end();
      await this.closeProgram();
      this.ports.sandboxMemory.remove(this);
    }
  }

  private async goOn(): Promise<unknown> {
    if (await this.recovery.comesFirst()) return;
    if (this.givesBack) await this.endSandbox();
    if (!this.program) return this.openProgram();
    await this.keepQuiet();
    await this.gather();
    if (await this.turn()) return;
    const next = this.checkpoint.value + 1;
    if (next > this.range().until) return this.wait((wake) => this.rangeChange(wake));
    return this.wait((wake) => this.ports.head.reached(next, wake));
  }

  /** Waits until that is over, or something wakes it; nothing is left behind that waits on. */
  private async wait(until: (wake: Signal) => Promise<unknown>): Promise<void> {
    if (!this.stopping.signal.aborted) await until(this.wake);
    if (this.wake.aborted) this.wake = new Cancellation();
  }

  /** Waits until a batch is worth its while, unless somebody waits for it. */
  private async gather(): Promise<void> {
    const { clock, head } = this.ports;
    const restMs = this.pace.restMs(clock.monotonicMs());
    const behind = Math.min(head.value, this.range().until) - this.checkpoint.value;
    if (restMs <= 0 || behind <= 0 || behind > AT_HEAD || this.checkpoint.waiting > 0) return;
    await this.wait((wake) => clock.sleep(restMs, wake));
  }

  /** One batch; false: there is nothing to process now. */
  private async turn(): Promise<boolean> {
    const { ports } = this;
    const { signal } = this.stopping;
    const after = this.checkpoint.value;
    const { until } = this.range();
    if (after >= Math.min(ports.head.value, until)) return false;
    if (await this.room.isMissing()) {
      await ports.clock.sleep(DISK_RETRY_MS, signal);
      return true;
    }
    if (this.outboxIsFull) {
      await ports.clock.sleep(OUTBOX_RETRY_MS, signal);
      return true;
    }
    this.pace.began(ports.clock.monotonicMs());
    const batch = await (this.source as ReadAhead).read(after, until);
    if (batch.lookedTo <= after) return false;
    // What was read may be known to be a stub only now: the head is told of an entry after everything else.
    await ports.head.reached(batch.lookedTo, signal);
    if (!this.recovery.mayBuild) return true;
    await this.process(batch);
    this.pace.ended(ports.clock.monotonicMs());
    ports.sandboxMemory.check();
    await ports.clock.yieldTurn();
    return true;
  }

  private async process(batch: SourceBatch): Promise<void> {
    const outcome = await this.outcomeOf(batch);
    const { projection } = this;
    const source = { projection: projection.name, producer: producerOf(projection), batch };
    const refused = firstRefused(outcome.emissions, source);
    if (refused) {
      // What the program did from that event on must not be kept: it begins again before it, in a fresh sandbox.
      await this.openProgram();
      if (!this.program) return;
      const events = batch.events.filter(({ position }) => position < refused.position);
      const lookedTo = Number(refused.position) - 1;
      if (lookedTo > this.checkpoint.value) await this.process({ ...batch, events, lookedTo });
      // It may have done only some of them: of the rest, and of the one that is refused, the next turn sees to.
      if (!this.fault && this.checkpoint.value >= lookedTo) await this.stopAt(refused);
      return;
    }
    const { fault } = outcome;
    const to = fault ? Number(fault.position) - 1 : processedTo(batch, outcome.processed);
    if (to > this.checkpoint.value) await this.commit(outcome, batch, to, []);
    this.progress.processed(outcome.processed);
    for (const line of outcome.logs) this.log(line);
    if (fault) await this.stopAt(fault);
  }

  private async outcomeOf({ events }: SourceBatch): Promise<BatchOutcome> {
    const [first] = events;
    if (!first || !this.program) return NOTHING;
    try {
      const { program } = this;
      const load = (partitions: readonly string[]) => this.store.states(partitions);
      const outcome = await this.ports.sandboxes.through(() => program.process(events, load));
      const { options } = program.description;
      return { ...outcome, emissions: withResultStreams(outcome.emissions, this.projection.name, options) };
    } catch (error) {
      const fault = { message: (error as Error).message, position: first.position, kind: 'died' as const };
      return { ...NOTHING, fault };
    }
  }

  private async commit(
    outcome: BatchOutcome,
    batch: SourceBatch,
    position: number,
    parked: readonly ParkedEvent[],
  ): Promise<void> {
    const { store, ports, projection } = this;
    const { emitted } = store.checkpoint;
    const quiet = outcome.changed.size + outcome.emissions.length + parked.length === 0;
    if (quiet && !this.mustKeep(position)) return this.step(position, []);
    const chain = await ports.chainAt(position);
    const producer = producerOf(projection);
    const outbox =
      outcome.emissions.length === 0
        ? { emitted, rows: new Map<number, Uint8Array>() }
        : outboxRows(outcome.emissions, {
            projection: projection.name,
            producer,
            emitted,
            range: this.range(),
            applied: await ports.cursor(producer),
            batch,
          });
    for (const [partition, { state, result }] of outcome.changed) this.digest.changed(partition, state, result);
    const digest = isDigestPlace(position) ? this.digest.take() : undefined;
    const nowMs = ports.clock.monotonicMs();
    const sync = nowMs - this.syncedMs >= SYNC_EVERY_MS;
    if (sync) this.syncedMs = nowMs;
    await store.commit(
      { position, chain, emitted: outbox.emitted, changed: outcome.changed, parked, outbox: outbox.rows, digest },
      sync,
    );
    if (digest) this.digestAt = position;
    this.step(position, outcome.changed.keys());
  }

  private step(position: number, changed: Iterable<string>): void {
    this.checkpoint.raise(position);
    this.lostEntry.passed();
    this.stepped(changed);
  }

  /** Writes how far it has come, where that is to be on the disk. */
  private async keepQuiet(): Promise<void> {
    const { value } = this.checkpoint;
    if (this.mustKeep(value)) await this.commit(NOTHING, NO_EVENTS, value, []);
  }

  /** Whether a position is to be written as the checkpoint, though no event since the one on the disk was the program's. */
  private mustKeep(position: number): boolean {
    const kept = this.store.checkpoint.position;
    if (position <= kept) return false;
    const isAwaited = kept < this.keepTo && position >= this.keepTo;
    const ends = this.stopped || this.fault !== undefined;
    return ends || isAwaited || isDigestPlace(position) || position - kept >= QUIET_CHECKPOINT;
  }

  /** What becomes of an event at which the program stopped (rule P4). */
  private async stopAt(fault: Fault): Promise<void> {
    const position = Number(fault.position);
    if (fault.kind === 'threw' && this.generation.onError === 'park') {
      await this.commit(NOTHING, NO_EVENTS, position, [{ position, message: describeFault(fault) }]);
      return this.openProgram();
    }
    // A state that is refused is so wherever a batch ends there.
    if (fault.kind !== 'threw' && fault.kind !== 'state' && (await this.triesAgain(position))) return;
    this.standStill(fault);
  }

  private standStill(fault: Fault): void {
    this.fault = fault;
    const { name } = this.projection;
    const position = Number(fault.position);
    this.ports.logger.error(
      { event: 'projection.faulted', projection: name, generation: this.generation.generation, position },
      `projection ${name} stands still before position ${position}: ${describeFault(fault)}`,
    );
  }

  /** Limits do not repeat exactly: such a fault is this node's alone, and may be over in a fresh sandbox. */
  private async triesAgain(position: number): Promise<boolean> {
    if (this.retriedAt !== position) this.retries = 0;
    this.retriedAt = position;
    if (++this.retries > RETRIES) return false;
    await this.ports.clock.sleep(RETRY_MS, this.stopping.signal);
    if (!this.stopping.signal.aborted) await this.openProgram();
    return true;
  }

  private async closeProgram(): Promise<void> {
    await this.program?.close();
    this.program = undefined;
  }

  private async endSandbox(): Promise<void> {
    const mib = Math.round(this.memoryBytes / (1 << 20));
    const { name } = this.projection;
    this.ports.logger.warn(
      { event: 'projection.memory', projection: name, generation: this.generation.generation, mib },
      `the sandboxes of all projections take more than projectionMemoryBytesMax: that of ${name}, which takes ${mib} MiB, begins anew`,
    );
    await this.closeProgram();
    this.givesBack = false;
  }

  private async openProgram(): Promise<void> {
    await this.closeProgram();
    try {
      this.program = await this.ports.openProgram(this.generation.source);
    } catch (error) {
      const position = this.checkpoint.value + 1;
      const isRefused = error instanceof FactstoreError && error.code === 'INVALID_ARGUMENT';
      if (!isRefused && (await this.triesAgain(position))) return;
      const message = `its program cannot be opened: ${(error as Error).message}`;
      return this.standStill({ message, position: BigInt(position), kind: 'died' });
    }
    const { description } = this.program;
    await this.source?.end();
    const events = new EventSource(this.ports.reader, description, producerOf(this.projection));
    this.source = new ReadAhead(events, this.ports);
  }

  /** A generation that has come to its end waits for the fact that gives it another one. */
  private async rangeChange(signal: Signal): Promise<void> {
    const { until } = this.range();
    const { head } = this.ports;
    // Every fact moves the head.
    while (!signal.aborted && this.range().until === until) await head.reached(head.value + 1, signal);
  }

  private log(line: string): void {
    const { name } = this.projection;
    this.ports.logger.info({ event: 'projection.log', projection: name }, `projection ${name}: ${line}`);
  }
}

/** How far a batch was processed: a program may leave the rest of a large one for another call. */
function processedTo({ events, lookedTo }: SourceBatch, processed: number): number {
  return processed < events.length ? Number(events[processed - 1]?.position ?? lookedTo) : lookedTo;
}

/** A fault in one line, with its place in the source. */
export function describeFault({ message, line, column }: Fault): string {
  return line === undefined ? message : `${message} (line ${line}${column === undefined ? '' : `, column ${column}`})`;
}
