import { Prng } from '../../src/base/prng.ts';
import type { ProcessNode } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';
import type { Violations } from './check/violations.ts';
import type { Cluster } from './cluster.ts';
import { type Fault, type FaultKind, type Stage, shuffled } from './faults/fault.ts';
import type { Observer } from './observer.ts';

/** A time in which something was wrong. */
export interface FaultWindow {
  readonly kinds: readonly string[];
  readonly what: string;
  readonly fromMs: number;
  readonly healedMs: number;
  /** When the first append succeeded that was asked for after the healing. */
  readonly recoveredMs: number;
}

export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly observer: Observer;
  /** Appends once, and resolves when that has succeeded; rejects where it has not within so many milliseconds. */
  readonly probe: (timeoutMs: number) => Promise<void>;
  readonly kinds: readonly FaultKind[];
  readonly seed: number;
  readonly scratch: string;
  readonly violations: Violations;
  readonly progress: (text: string) => void;
}

/** After any fault the cluster must take appends again within this, and all its nodes be together again. */
const RECOVERY_MS_MAX = 30_000;
const LAG_MAX = 2_000n;

/** Makes one thing after another go wrong; every kind once before any of them comes again. */
export class Nemesis {
  readonly windows: FaultWindow[] = [];
  private readonly options: NemesisOptions;
  private readonly random: Prng;
  private readonly stage: Stage;
  private bag: FaultKind[] = [];

  constructor(options: NemesisOptions) {
    this.options = options;
    this.random = new Prng(options.seed);
    const { cluster, observer, scratch } = options;
    this.stage = {
      cluster,
      scratch,
      random: this.random,
      leader: () => (observer.leader === undefined ? undefined : cluster.node(observer.leader)),
      together: (node) => this.together([node]),
    };
  }

  /** Until this moment; the last fault is healed, and the cluster has recovered, when it resolves. */
  async run(untilMs: number): Promise<void> {
    while (performance.now() < untilMs && this.options.kinds.length > 0) {
      await pause(this.random.between(500, 2_500));
      const kinds = this.draw();
      const faults = kinds.map((kind) => kind.draw(this.stage));
      await this.inflict(kinds, faults);
    }
  }

  /** One kind, or a partition together with another one. */
  private draw(): FaultKind[] {
    if (this.bag.length === 0) this.fillBag();
    const first = this.bag.pop() as FaultKind;
    const rest = this.bag.at(-1);
    const together = rest && first.networkOnly !== rest.networkOnly && this.random.between(0, 2) === 0;
    if (!together) return [first];
    this.bag.pop();
    // What needs the network to begin comes before what takes it away.
    return first.networkOnly ? [rest, first] : [first, rest];
  }

  /** The last of the bag comes first. */
  private fillBag(): void {
    const kinds = shuffled(this.random, this.options.kinds);
    this.bag = [...kinds.filter(({ restarts }) => restarts), ...kinds.filter(({ restarts }) => !restarts)];
  }

  private async inflict(kinds: readonly FaultKind[], faults: readonly Fault[]): Promise<void> {
    const what = faults.map((fault) => fault.what).join('; ');
    const fromMs = performance.now();
    this.options.progress(what);
    try {
      for (const fault of faults) {
        await fault.begin();
        await pause(this.random.between(500, 5_000));
      }
    } catch (error) {
      // A node that a fault restarts has to come back too.
      this.options.violations.add(`"${what}" could not be made: ${(error as Error).message}`);
    } finally {
      for (const fault of faults) await fault.heal();
    }
    const healedMs = performance.now();
    const recoveredMs = await this.recovery(what);
    this.windows.push({ kinds: kinds.map(({ name }) => name), what, fromMs, healedMs, recoveredMs });
  }

  private async recovery(what: string): Promise<number> {
    const { probe, violations, cluster } = this.options;
    let recoveredMs = performance.now() + RECOVERY_MS_MAX;
    try {
      await probe(RECOVERY_MS_MAX);
      recoveredMs = performance.now();
      await this.together(cluster.nodes);
      cluster.noneMayEnd();
    } catch (error) {
      violations.add(
        `after "${what}" the cluster did not come back within ${RECOVERY_MS_MAX / 1000} s: ${(error as Error).message}`,
      );
    }
    return recoveredMs;
  }

  /** Resolves once these nodes answer, vote, follow a leader, and are not far behind. */
  private async together(nodes: readonly ProcessNode[]): Promise<void> {
    const { observer } = this.options;
    const { rounds } = observer;
    await until(
      `${nodes.map(({ id }) => id).join(', ')} vote and follow a leader`,
      () => {
        if (observer.rounds <= rounds) return false;
        return nodes.every(({ id }) => {
          const member = observer.reachable.find(({ nodeId }) => nodeId === id);
          return member?.voter && member.leader !== '' && member.lag <= LAG_MAX;
        });
      },
      RECOVERY_MS_MAX,
    );
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
