import type { Projection } from '../model/projection.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Store } from '../storage/store.ts';
import { GenerationStore } from './generation-store.ts';
import { GenerationKeys } from './keys.ts';
import { owedPurges, purge, removeGeneration } from './purge.ts';
import type { ProjectionRegistry } from './registry.ts';

export interface StraysPorts {
  readonly registry: ProjectionRegistry;
  /** `projections/` of the data directory. */
  readonly store: Store;
  readonly logger: Logger;
}

/** Removes what this node has of generations that are no more; `but` are left. */
export async function dropStrays(
  { registry, store, logger }: StraysPorts,
  but: (name: string, generation: number) => boolean = () => false,
): Promise<void> {
  const kept = new Set(registry.list().flatMap(generationsOf));
  for (const { name, generation } of await GenerationStore.all(store)) {
    if (kept.has(nameOf(name, generation)) || but(name, generation)) continue;
    logger.info({ event: 'projection.removed', projection: name, generation }, `an old state of ${name} is removed`);
    await removeGeneration(store, new GenerationKeys(name, generation));
  }
}

function generationsOf({ name, active, building, previous, emitting }: Projection): string[] {
  return [active, building, previous, ...emitting].flatMap((one) => (one ? nameOf(name, one.generation) : []));
}

function nameOf(name: string, generation: number): string {
  return `${name}\n${generation}`;
}

/**
 * The states that a node has from when it ran projections, which it does not any more. What is removed on other nodes goes
 * here, too: it may be made of events that are erased by now (rule R2). The rest stays, for where a scavenge has gone past it,
 * it may be the last of its kind (rule P1), and the node may run projections again.
 */
export class LeftStates {
  private readonly ports: StraysPorts & { fatal(error: unknown): void };
  private readonly stopping = new AbortController();
  private readonly watching: { stop(): void };
  private rounds: Promise<void> = Promise.resolve();

  constructor(ports: StraysPorts & { fatal(error: unknown): void }) {
    this.ports = ports;
    this.watching = ports.registry.watch(() => this.clear());
    this.clear();
  }

  /** Ends after the round that is under way. */
  async stop(): Promise<void> {
    this.watching.stop();
    this.stopping.abort();
    await this.rounds;
  }

  private clear(): void {
    this.rounds = this.rounds.then(() => this.round()).catch((error: unknown) => this.ports.fatal(error));
  }

  private async round(): Promise<void> {
    const { registry, store } = this.ports;
    const { signal } = this.stopping;
    if (signal.aborted) return;
    // A generation is numbered by its fact: of one that is yet to be applied again nothing is known.
    await dropStrays(this.ports, (name, generation) => generation >= (registry.find(name)?.facts ?? 0));
    for (const keys of await owedPurges(store)) await purge(store, keys, signal);
  }
}
