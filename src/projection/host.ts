import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Generation, Projection } from '../model/projection.ts';
import type { Store } from '../storage/store.ts';
import { Emitter, type EmitterPorts } from './emitter.ts';
import { GenerationStore } from './generation-store.ts';
import { owedPurges, purge } from './purge.ts';
import type { ProjectionRegistry } from './registry.ts';
import { GenerationRunner, type RunnerPorts, type RunnerRange } from './runner.ts';
import { dropStrays } from './strays.ts';
import { Watchers } from './watchers.ts';

/** What a host of projections is built on. */
export interface HostPorts extends RunnerPorts, EmitterPorts {
  readonly registry: ProjectionRegistry;
  /** `projections/` of the data directory. */
  readonly store: Store;
  /** Says in a fact that a generation takes over. */
  takeOver(name: string, generation: number, signal: Signal): Promise<void>;
}

/** One projection as this node runs it. */
export interface Hosted {
  projection: Projection;
  readonly generations: Map<number, GenerationRunner>;
  emitter: Emitter | undefined;
  readonly watchers: Watchers;
  /** The generation that answers, as far as those who watch were told; undefined: none has answered yet. */
  told: number | undefined;
  /** Generations whose last emissions are known to be in the store. */
  readonly retired: Set<number>;
  /** Since when the generation being built has caught up, and waits for somebody to say so. */
  caughtUpMs: number | undefined;
  /** The `enabledAt` of the projection under which it was started. */
  startedAt: number;
}

const ROUND_MS = 100;
/** A node that does not lead says so too, once nobody has for so long. */
const STAND_BY_MS = 5_000;

/**
 * Runs the projections of this node. The registry says what there is to be; each change of one is carried out in turn, so
 * that starts and stops of one projection never overlap.
 */
export class ProjectionHost {
  private readonly ports: HostPorts;
  private readonly byName = new Map<string, Hosted>();
  /** The last change of each projection that is still being carried out. */
  private readonly turns = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly watching: { stop(): void };
  private readonly rounds: Promise<void>;
  /** What takes dropped states from the disk, one after another. Nothing but `stop` waits for it. */
  private purges: Promise<unknown> = Promise.resolve();

  private constructor(ports: HostPorts) {
    this.ports = ports;
    this.watching = ports.registry.watch((projection) => void this.follow(projection));
    this.rounds = this.goRound();
  }

  /** Starts what is enabled. What is on the disk of generations that are no more is removed; what was so before, purged, too. */
  static async start(ports: HostPorts): Promise<ProjectionHost> {
    await dropStrays(ports);
    const owed = await owedPurges(ports.store);
    const host = new ProjectionHost(ports);
    for (const keys of owed) host.purge({ keys });
    for (const projection of ports.registry.list()) void host.follow(projection);
    return host;
  }

  /** What this node has of a projection, once it is as the facts have it. */
  async hosted(name: string): Promise<Hosted> {
    const projection = this.ports.registry.get(name);
    await this.turns.get(name);
    const hosted = this.byName.get(name);
    if (hosted?.generations.has(hosted.projection.active.generation)) return hosted;
    throw new FactstoreError('NOT_READY', `projection ${JSON.stringify(projection.name)} is being opened on this node`);
  }

  /** What this node has of each projection at the moment. */
  get all(): Iterable<Hosted> {
    return this.byName.values();
  }

  /** All generations that are open here. */
  runners(): { readonly projection: string; readonly runner: GenerationRunner }[] {
    return [...this.byName].flatMap(([projection, { generations }]) =>
      Array.from(generations.values(), (runner) => ({ projection, runner })),
    );
  }

  /**
   * Whether no event up to a position is to be given to a program here any more. What is disabled, stands still by a fault
   * or can emit no more is not waited for.
   */
  async passed(position: number): Promise<readonly string[]> {
    await Promise.all(this.turns.values());
    return this.ports.registry
      .list()
      .filter(({ enabled, name }) => enabled && !this.hasPassed(name, position))
      .map(({ name }) => name);
  }

  private hasPassed(name: string, position: number): boolean {
    const hosted = this.byName.get(name);
    if (!hosted) return false;
    const { active, building } = hosted.projection;
    if (hosted.emitter?.refused) return true;
    const open = [active, building].every((generation) => !generation || hosted.generations.has(generation.generation));
    return open && [...hosted.generations.values()].every((runner) => runner.hasPassed(position));
  }

  /** Whether everything that is known of a projection is carried out, and none of its generations has this number. */
  async hasNot(name: string, generation: number): Promise<boolean> {
    await this.turns.get(name);
    const { active, building } = this.ports.registry.find(name) ?? {};
    const wanted = active?.generation === generation || building?.generation === generation;
    return !wanted && !this.byName.get(name)?.generations.has(generation);
  }

  /** Those that run here, by name and number; undefined: it is not open. */
  generation(name: string, generation: number): GenerationRunner | undefined {
    return this.byName.get(name)?.generations.get(generation);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.watching.stop();
    await this.rounds;
    await Promise.all(this.turns.values());
    await Promise.all(Array.from(this.byName.values(), (hosted) => halt(hosted)));
    await this.purges;
  }

  private purge({ keys }: Pick<GenerationStore, 'keys'>): void {
    this.purges = this.purges
      .then(() => purge(this.ports.store, keys, this.stopping.signal))
      .catch((error: unknown) => this.ports.fatal(error));
  }

  private follow(projection: Projection): Promise<void> {
    const { name } = projection;
    // At once: what a generation may process and emit is asked while the fact is being applied.
    const known = this.byName.get(name);
    if (known && known.projection.created === projection.created) {
      known.projection = projection;
      tellExchange(known);
    }
    return this.inTurn(name, () => this.carryOut(name));
  }

  private inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const turn: Promise<void> = (this.turns.get(name) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => this.ports.fatal(error))
      .finally(() => {
        if (this.turns.get(name) === turn) this.turns.delete(name);
      });
    this.turns.set(name, turn);
    return turn;
  }

  /** Makes this node's part of a projection what the last fact wants. */
  private async carryOut(name: string): Promise<void> {
    const wanted = this.ports.registry.find(name);
    if (this.stopping.signal.aborted || !wanted) return;
    let hosted = this.byName.get(name);
    if (hosted && (wanted.deleted || hosted.projection.created !== wanted.created)) {
      await this.remove(name, hosted);
      hosted = undefined;
    }
    if (wanted.deleted) return;
    hosted ??= {
      projection: wanted,
      generations: new Map(),
      emitter: undefined,
      watchers: new Watchers(),
      told: undefined,
      retired: new Set(),
      caughtUpMs: undefined,
      startedAt: wanted.enabledAt,
    };
    hosted.projection = wanted;
    this.byName.set(name, hosted);
    // What was rolled back to is wanted again, whatever became of it.
    hosted.retired.delete(wanted.active.generation);
    const kept = await this.needed(hosted);
    for (const [number, runner] of hosted.generations) {
      if (kept.some(({ generation }) => generation === number)) continue;
      await runner.stop();
      hosted.generations.delete(number);
      await this.drop(runner.store);
    }
    if (!wanted.enabled) await halt(hosted);
    else if (hosted.startedAt < wanted.enabledAt) await haltFaulted(hosted);
    hosted.startedAt = wanted.enabledAt;
    for (const generation of kept) await this.openGeneration(hosted, generation, wanted.enabled);
    tellExchange(hosted);
    if (wanted.enabled) hosted.emitter ??= this.newEmitter(hosted);
  }

  /** The generations that this node has to have: an old one until what it has emitted is appended (rule P2). */
  private async needed({ projection, retired }: Hosted): Promise<Generation[]> {
    const { name, active, building, previous, emitting } = projection;
    const needed = [active, building, previous].filter((generation) => generation !== undefined);
    for (const generation of emitting) {
      if (needed.some((other) => other.generation === generation.generation)) continue;
      if (await GenerationStore.isRetired(this.ports.store, name, generation.generation)) {
        retired.add(generation.generation);
      } else needed.push(generation);
    }
    return needed;
  }

  /** Lets go of old generations whose last emissions are in the store, and which do not answer any more. */
  private async retire({ projection, generations, emitter, retired, told }: Hosted): Promise<void> {
    const { active, building, previous } = projection;
    for (const [number, runner] of generations) {
      const lost = runner.lost && runner.lacking && number !== active.generation && number !== building?.generation;
      // What it has emitted and nobody has appended cannot be known any more; the next one must not wait for it.
      if (lost) retired.add(number);
      if ([active, building, previous].some((generation) => generation?.generation === number)) continue;
      if (number === told && !lost) continue;
      const { until } = rangeOf(projection, number);
      if (!lost && (!emitter || !runner.hasEmittedTo(until) || runner.store.outboxRows > 0)) continue;
      await runner.stop();
      // First of all: who watches takes what is there for whole, and its rows go one by one.
      generations.delete(number);
      if (await runner.store.retire()) this.purge(runner.store);
      retired.add(number);
    }
  }

  private async openGeneration(hosted: Hosted, generation: Generation, run: boolean): Promise<void> {
    const { generation: number } = generation;
    const { name } = hosted.projection;
    const known = hosted.generations.get(number);
    if (known && !(run && known.stopped)) return;
    // It would go on with the store as it was opened before, and neither would know what the other removes.
    await hosted.emitter?.stop();
    hosted.emitter = undefined;
    const { store, logger } = this.ports;
    const damaged = (reason: string) =>
      logger.warn(
        { event: 'projection.rebuilt', projection: name, generation: number, reason },
        `the state of projection ${name} is damaged (${reason}) and is built anew from the log`,
      );
    const rows = await GenerationStore.open(store, name, number, damaged, (position) => this.ports.chainAt(position));
    const runner = new GenerationRunner(this.ports, hosted.projection, generation, rows, {
      range: () => rangeOf(hosted.projection, number),
      stepped: (partitions) => {
        tellExchange(hosted);
        // The one before may still be on its way to the fact that ended it, and drop what the other one never had.
        const isBefore = number === hosted.projection.previous?.generation;
        if (number === hosted.told || isBefore) hosted.watchers.changed(partitions);
      },
      replaced: () => {
        tellExchange(hosted);
        if (number === hosted.told) hosted.watchers.changedAtLarge();
      },
    });
    hosted.generations.set(number, runner);
    // What was found damaged, or half of what was to come from another node, begins anew: whatever it had may be gone.
    const isLess = known !== undefined && runner.checkpoint.value < known.checkpoint.value;
    if (isLess && number === hosted.told) {
      hosted.told = undefined;
      hosted.watchers.changedAtLarge();
    }
    if (run) runner.start();
  }

  private newEmitter(hosted: Hosted): Emitter {
    return new Emitter(this.ports, hosted.projection, () =>
      hosted.projection.segments
        .filter(({ generation }) => !hosted.retired.has(generation))
        .map((segment) => ({ ...segment, runner: hosted.generations.get(segment.generation) })),
    );
  }

  private async remove(name: string, hosted: Hosted): Promise<void> {
    this.byName.delete(name);
    await halt(hosted);
    hosted.watchers.close();
    for (const runner of hosted.generations.values()) await this.drop(runner.store);
  }

  private async drop(store: GenerationStore): Promise<void> {
    if (await store.drop()) this.purge(store);
  }

  /** Goes round the projections: some generation may have caught up, or be needed no longer. */
  private async goRound(): Promise<void> {
    const { clock, head } = this.ports;
    while (!this.stopping.signal.aborted) {
      // What was the head a moment ago: a generation that has come there has caught up, whatever is appended meanwhile.
      const wanted = head.value;
      await clock.sleep(ROUND_MS, this.stopping.signal);
      for (const [name, hosted] of this.byName) {
        if (!hosted.projection.enabled || this.stopping.signal.aborted) continue;
        if ([...hosted.generations.values()].some(({ stopped }) => stopped)) {
          await this.inTurn(name, () => this.carryOut(name));
        }
        await this.inTurn(name, () => this.retire(hosted));
        await this.takeOver(hosted, wanted);
      }
    }
  }

  /** A generation that has caught up takes over by a fact (rule P3); the leader says it first. */
  private async takeOver(hosted: Hosted, wanted: number): Promise<void> {
    const { clock, logger, leads } = this.ports;
    const { name, building, position } = hosted.projection;
    const runner = building && hosted.generations.get(building.generation);
    // The head of a moment ago may lie before the fact that began the generation.
    if (!runner || runner.faulted || runner.checkpoint.value < Math.max(wanted, position)) return;
    hosted.caughtUpMs ??= clock.monotonicMs();
    if (!leads() && clock.monotonicMs() - hosted.caughtUpMs < STAND_BY_MS) return;
    hosted.caughtUpMs = undefined;
    await this.ports.takeOver(name, runner.generation.generation, this.stopping.signal).catch((error: Error) => {
      logger.info({ event: 'projection.takeOver', projection: name }, `no takeover yet: ${error.message}`);
    });
  }
}

/**
 * The generation that answers on this node: the active one, but until it has come as far as the one that has answered so far,
 * that one. A node that lags would otherwise go back in time when another one takes over, and every node where a projection
 * is reset twice. Once the active one answers it goes on to, though the one before may come to the fact that ended it first.
 * One that is rolled back from does not answer.
 */
export function answering({ projection, generations, told }: Hosted): GenerationRunner | undefined {
  const { active, previous, segments } = projection;
  const since = segments.at(-1)?.after ?? 0;
  const runner = generations.get(active.generation);
  if (!runner || told === active.generation) return runner;
  const [before] = [told, previous?.generation].flatMap((number) =>
    number !== undefined && number < active.generation ? (generations.get(number) ?? []) : [],
  );
  return before && runner.checkpoint.value < Math.min(since, before.checkpoint.value) ? before : runner;
}

/** Has those who watch look anew where another generation answers than they were told. */
function tellExchange(hosted: Hosted): void {
  const now = answering(hosted)?.generation.generation;
  const { told } = hosted;
  if (now === undefined || now === told) return;
  hosted.told = now;
  if (told !== undefined) hosted.watchers.exchanged(told);
}

/** What a generation may do by the facts as they are now. */
function rangeOf({ active, building, segments }: Projection, generation: number): RunnerRange {
  const own = segments.filter((segment) => segment.generation === generation);
  const goesOn = generation === active.generation || generation === building?.generation;
  return { until: goesOn ? Number.POSITIVE_INFINITY : Math.max(0, ...own.map(({ until }) => until)), segments: own };
}

/** Stops whatever runs; what is on the disk stays, and can be asked for. */
async function halt(hosted: Hosted): Promise<void> {
  await hosted.emitter?.stop();
  hosted.emitter = undefined;
  await Promise.all(Array.from(hosted.generations.values(), (runner) => runner.stop()));
}

/** Stops what stands still by a fault, so that it is started anew, from its checkpoint. */
async function haltFaulted(hosted: Hosted): Promise<void> {
  if (hosted.emitter?.refused) {
    await hosted.emitter.stop();
    hosted.emitter = undefined;
  }
  const faulted = [...hosted.generations.values()].filter((runner) => runner.faulted);
  await Promise.all(faulted.map((runner) => runner.stop()));
}
