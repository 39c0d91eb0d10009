import type { Signal } from '../base/signal.ts';
import { Watched } from '../runtime/watched.ts';

/** Partitions that wait for a slow watcher, at most: then it is told that it has missed some. */
const PENDING_MAX = 10_000;

/** What has changed since it was asked last. */
export interface Changes {
  readonly partitions: readonly string[];
  /** True: too many have changed to be named. */
  readonly missed: boolean;
  /** Generations that answered in the meantime and do not any more. Where there are some, any state may be another one, or gone. */
  readonly former: readonly number[];
}

/** Tells those who watch a projection which partitions have changed; of several changes of one, once. */
export class Watchers {
  private readonly open = new Set<Watcher>();
  private closed = false;

  changed(partitions: Iterable<string>): void {
    if (this.open.size === 0) return;
    const names = [...partitions];
    for (const watcher of this.open) watcher.add(names);
  }

  /** Another generation answers from now on, and this one no more. */
  exchanged(former: number): void {
    for (const watcher of this.open) watcher.lookAnew(former);
  }

  /** More may have changed than can be named. */
  changedAtLarge(): void {
    for (const watcher of this.open) watcher.miss();
  }

  watch(wanted: (partition: string) => boolean): Watcher {
    const watcher: Watcher = new Watcher(wanted, () => this.open.delete(watcher));
    if (this.closed) watcher.close();
    else this.open.add(watcher);
    return watcher;
  }

  /** The projection is no more: nothing changes any longer. */
  close(): void {
    this.closed = true;
    for (const watcher of this.open) watcher.close();
  }
}

/** One who watches. */
export class Watcher {
  private readonly wanted: (partition: string) => boolean;
  private readonly leave: () => void;
  private readonly pending = new Set<string>();
  private missed = false;
  private readonly former = new Set<number>();
  private rounds = new Watched(0);

  constructor(wanted: (partition: string) => boolean, leave: () => void) {
    this.wanted = wanted;
    this.leave = leave;
  }

  add(partitions: readonly string[]): void {
    for (const partition of partitions) {
      if (!this.wanted(partition)) continue;
      if (this.pending.size < PENDING_MAX) this.pending.add(partition);
      else this.missed = true;
    }
    if (this.pending.size > 0) this.rounds.raise(this.rounds.value + 1);
  }

  lookAnew(former: number): void {
    this.former.add(former);
    this.rounds.raise(this.rounds.value + 1);
  }

  miss(): void {
    this.missed = true;
    this.rounds.raise(this.rounds.value + 1);
  }

  /** Resolves once something has changed; undefined: the signal was aborted, or the projection is no more. */
  async next(signal: Signal): Promise<Changes | undefined> {
    if (signal.aborted) return undefined;
    while (this.pending.size + this.former.size === 0 && !this.missed) {
      if (!(await this.rounds.reached(this.rounds.value + 1, signal))) return undefined;
    }
    const changes = { partitions: [...this.pending], missed: this.missed, former: [...this.former] };
    this.pending.clear();
    this.former.clear();
    this.missed = false;
    return changes;
  }

  close(): void {
    this.leave();
    this.rounds.close();
  }
}
