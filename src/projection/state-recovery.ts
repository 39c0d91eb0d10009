import type { Signal } from '../base/signal.ts';
import type { Generation } from '../model/projection.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Watched } from '../runtime/watched.ts';
import type { DiskRoom } from './disk-room.ts';
import { type Erasures, type Way, wayForward } from './erased-history.ts';
import type { GenerationStore } from './generation-store.ts';
import type { StatePiece } from './state-copy.ts';
import type { FetchOutcome, WantedState } from './state-fetch.ts';

export interface RecoveryPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves once this node has applied all that was committed when it was asked, or the signal is aborted. */
  upToDate(signal: Signal): Promise<void>;
  erasures(): Erasures;
  /** The chain hash of the entry that holds the event at a position; undefined: this node has not come there. */
  chainAt(position: number): Promise<Uint8Array | undefined>;
  /** Whether an entry that holds one of the events in (after, upTo] was erased, in part or as a whole. */
  hasStubs(after: number, upTo: number, signal: Signal): Promise<boolean>;
  /** Has a state installed that another node has. */
  fetchState(
    wanted: WantedState,
    install: (pieces: AsyncIterable<StatePiece>) => Promise<void>,
    signal: Signal,
  ): Promise<FetchOutcome>;
  /** Says in a fact that a generation, which no node can build any more, is to be built anew as another one. */
  beginAnew(projection: string, generation: number, signal: Signal): Promise<void>;
}

/** The run of a generation that this is for. */
interface RecoveredRun extends RecoveryPorts {
  readonly name: string;
  readonly generation: Generation;
  readonly store: GenerationStore;
  readonly checkpoint: Watched;
  readonly room: DiskRoom;
  /** Up to where it processes events. */
  until(): number;
  /** Aborted: the run ends, and the host opens what is on the disk anew. */
  readonly stopping: AbortController;
  closeProgram(): Promise<void>;
  /** Another state is in the store, which has come to a position. */
  replaced(position: number): void;
}

/** How often what keeps it is looked at again. */
const KEPT_MS = 500;
const BEGIN_ANEW_MS = 10_000;
/** So many times in a row all nodes have to say that they do not have a state. */
const REFUSALS_MIN = 3;

/**
 * Sees to it that a generation is given nothing less than it was given on other nodes (rule P1): where a scavenge has
 * erased what its state is made of, another node's state takes its place, or a fact begins it anew.
 */
export class StateRecovery {
  private readonly ports: RecoveredRun;
  /** Set until it is known that this node's log has what the state on the disk is to be gone on from with. */
  private opening = true;
  private kept: string | undefined;
  private lacksState = false;
  /** What is in the store may be a part of what was to come. */
  private replacing = false;
  private refusals = 0;
  private unobtainable = false;
  /** Up to here the log was found to have stubs. */
  private stubAt = 0;

  constructor(ports: RecoveredRun) {
    this.ports = ports;
  }

  /** What has to come first, in words; undefined: nothing. */
  get obstacle(): string | undefined {
    return this.kept;
  }

  /** Whether there is no state here to be asked for. */
  get lacking(): boolean {
    return this.lacksState;
  }

  /** Whether no node has it. */
  get lost(): boolean {
    return this.unobtainable;
  }

  /** Whether the next events are what they were on other nodes, as far as is known at this moment. */
  get mayBuild(): boolean {
    return this.way().kind === 'build';
  }

  private way(): Way {
    const { opening, stubAt } = this;
    const { generation, checkpoint, until, erasures } = this.ports;
    if (checkpoint.value >= until()) return { kind: 'build' };
    const known = erasures();
    const from = { began: generation.began, checkpoint: checkpoint.value, opening };
    return wayForward(from, { ...known, stub: Math.max(known.stub, stubAt) });
  }

  /** Whether something has to come before the next event, and was worked at. */
  async comesFirst(): Promise<boolean> {
    const { ports } = this;
    const way = this.way();
    switch (way.kind) {
      case 'build':
        return this.beginsAgain();
      case 'look':
        await this.look(way.point);
        return true;
      case 'wait':
        this.kept = `this node is still to erase what the scavenge up to position ${way.point} erases`;
        break;
      case 'fetch':
        if (await this.fetch(Math.min(way.atLeast, ports.until()))) return true;
    }
    await ports.clock.sleep(KEPT_MS, ports.stopping.signal);
    return true;
  }

  /** What this node itself has erased before the generation began, the generation is meant to go without. */
  private async look(point: number): Promise<void> {
    const { ports } = this;
    const { signal } = ports.stopping;
    const { erased } = ports.erasures();
    const behind = Math.max(ports.checkpoint.value, erased <= ports.generation.began ? erased : 0);
    const found = await ports.hasStubs(behind, point, signal);
    if (signal.aborted) return;
    if (found) this.stubAt = point;
    this.opening = false;
  }

  /** A state that was to come and is needed no more may be half of one: then the host opens what is there anew. */
  private beginsAgain(): boolean {
    this.opening = false;
    this.kept = undefined;
    if (!this.lacksState) return false;
    if (this.replacing) this.ports.stopping.abort();
    else this.lacksState = false;
    return true;
  }

  /** Takes over the state of another node; false: not yet. */
  private async fetch(atLeast: number): Promise<boolean> {
    const { ports } = this;
    const { store, generation, name } = ports;
    const { signal } = ports.stopping;
    this.lacksState = true;
    this.kept ??= `a scavenge has erased what it is made of, up to position ${atLeast}: its state is being fetched from another node`;
    await ports.closeProgram();
    if (await ports.room.isMissing()) {
      this.kept = `its state is to come from another node, but ${ports.room.obstacle}`;
      return false;
    }
    const wanted = { projection: name, generation: generation.generation, atLeast };
    const install = (pieces: AsyncIterable<StatePiece>) => {
      this.replacing = true;
      return store.replace(ports.room.guard(pieces), (position) => ports.chainAt(position));
    };
    const outcome = await ports.fetchState(wanted, install, signal);
    if (outcome.kind === 'fetched') {
      this.replacing = false;
      this.refusals = 0;
      this.unobtainable = false;
      const { position } = store.checkpoint;
      ports.checkpoint.raise(position);
      this.lacksState = false;
      const { nodeId } = outcome;
      const text = `the state of projection ${name} was fetched from ${nodeId}: it has come to position ${position}`;
      ports.logger.info({ event: 'projection.fetched', projection: name, peer: nodeId, position }, text);
      ports.replaced(position);
      return true;
    }
    this.refusals = outcome.kind === 'nobody' ? this.refusals + 1 : 0;
    if (outcome.kind === 'unknown') this.kept = `its state is to come from another node, but ${outcome.reason}`;
    // Once may be a moment at which some node was just being opened.
    else if (this.refusals >= REFUSALS_MIN) await this.beginAnew(atLeast);
    return false;
  }

  private async beginAnew(atLeast: number): Promise<void> {
    const { ports } = this;
    const { generation, name } = ports;
    const { signal } = ports.stopping;
    const why = `a scavenge has erased what it is made of, up to position ${atLeast}, and no node has its state`;
    const first = !this.unobtainable;
    this.unobtainable = true;
    this.kept = why;
    const text = `generation ${generation.generation} of projection ${name}: ${why}`;
    if (first) ports.logger.warn({ event: 'projection.unobtainable', projection: name }, text);
    await ports.beginAnew(name, generation.generation, signal).catch((error: Error) => {
      this.kept = `${why}; it is to be begun anew, but ${error.message}`;
    });
    // The fact stops this run, unless it is of a generation that is not to be built any more.
    await ports.clock.sleep(BEGIN_ANEW_MS, signal);
  }
}
