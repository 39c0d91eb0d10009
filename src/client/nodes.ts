import { FactstoreError } from '../base/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { backoffMs } from './backoff.ts';
import { type CallLimits, Node } from './node.ts';
import { isOfAnother, OneCluster } from './one-cluster.ts';
import { aborted, isRetryable, unreachable } from './status-error.ts';

/** A node that has not begun to answer after this long, because it lags behind perhaps, is left for another. */
export const FIRST_ANSWER_MS = 5_000;

/** The nodes that are known: those of the URL, and the members that they named. */
export class Nodes {
  /** The one that all of them must be of. */
  readonly cluster = new OneCluster();
  private readonly byAddress = new Map<string, Node>();
  private readonly clock: Clock;
  /** Calls that any node can answer go to this one until it fails. */
  private preferred = 0;
  private closed = false;

  constructor(addresses: readonly string[], clock: Clock) {
    this.clock = clock;
    for (const address of addresses) this.add(address);
  }

  get all(): readonly Node[] {
    return [...this.byAddress.values()];
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** The node at an address, which is remembered. */
  add(address: string): Node {
    let node = this.byAddress.get(address);
    if (!node) {
      node = new Node(address, this.cluster, this.clock);
      this.byAddress.set(address, node);
    }
    return node;
  }

  /** The node for a call that any node can answer. */
  current(): Node {
    const { all } = this;
    const node = all[this.preferred % all.length];
    if (!node) throw new FactstoreError('UNREACHABLE', 'no node is known', {}, { definite: true });
    return node;
  }

  /** Says that a call to a node failed; the next one goes to another. */
  failed(node: Node): void {
    if (this.current() === node) this.preferred = (this.preferred + 1) % this.byAddress.size;
  }

  close(): void {
    this.closed = true;
    for (const node of this.byAddress.values()) node.close();
  }

  /**
   * Does some work that any node can do: on the current one, and where it fails in a way that another attempt may mend,
   * on the next, until the time is over. `what` names the work in errors.
   */
  async anywhere<T>(
    what: string,
    limits: CallLimits,
    work: (node: Node, limits: CallLimits) => Promise<T>,
  ): Promise<T> {
    const attempts = new Attempts(what, this, limits, this.clock);
    for (;;) {
      const node = this.current();
      try {
        await attempts.reach(node);
        const left = attempts.left();
        return await work(node, { ...left, timeoutMs: Math.min(left.timeoutMs, FIRST_ANSWER_MS) });
      } catch (error) {
        await attempts.failed(node, error);
      }
    }
  }
}

/** A node that restarts is back by then. */
const AWAY_MS = 5_000;

/** A cluster that restarts as a whole is back by then: where another one answers alone for that long, it has taken its place. */
const STRANGERS_ALONE_MS = 30_000;

/** The bookkeeping of repeated attempts: who failed and why, how long to wait, and when to give up. */
export class Attempts {
  private readonly what: string;
  private readonly nodes: Nodes;
  private readonly limits: CallLimits;
  private readonly clock: Clock;
  /** How each node failed when it was last asked, in that order. */
  private readonly errors = new Map<string, FactstoreError>();
  /** The nodes that have lost what is asked for. An answer is no sign that they have not: it may end before that. */
  private readonly damaged = new Set<string>();
  /** Since when one is known to have; undefined: none is. */
  private lostMs: number | undefined;
  /** The nodes that could not be reached since then. */
  private readonly away = new Set<string>();
  /** Since when nodes of another cluster have answered, and none of this one; undefined: it is not so. */
  private strangersMs: number | undefined;
  /** Undefined: the time stands still until something fails. */
  private deadlineMs: number | undefined;
  private failures = 0;

  constructor(what: string, nodes: Nodes, limits: CallLimits, clock: Clock) {
    this.what = what;
    this.nodes = nodes;
    this.limits = limits;
    this.clock = clock;
    this.deadlineMs = clock.monotonicMs() + limits.timeoutMs;
  }

  /** What remains of the limits. */
  left(): CallLimits {
    const { timeoutMs, signal } = this.limits;
    if (this.deadlineMs === undefined) return { timeoutMs, signal };
    return { timeoutMs: Math.max(1, Math.ceil(this.deadlineMs - this.clock.monotonicMs())), signal };
  }

  /** Comes before each attempt at a node: see {@link Node.reach}. */
  async reach(node: Node): Promise<void> {
    await node.reach(this.left());
    // It may give nothing for long, as one that has no leader: it was there all the same.
    this.strangersMs = undefined;
  }

  /** Says that the work has come further: what is asked for now is something else than what a node has lost. */
  advanced(): void {
    this.damaged.clear();
    this.away.clear();
    this.lostMs = undefined;
  }

  /** Begins anew: something has come through. The next thing is to come within the time, too. */
  progressed(): void {
    this.found();
    this.deadlineMs = this.clock.monotonicMs() + this.limits.timeoutMs;
  }

  /**
   * Begins anew, once a node has been found for work that has no end: there its silence is no failure, so the time does
   * not run before the node is lost.
   */
  found(): void {
    this.failures = 0;
    this.errors.clear();
    this.deadlineMs = undefined;
  }

  /**
   * Waits before the next attempt, or ends in the error where there must not be one. `node` is the one that failed;
   * undefined: all of them did.
   */
  async failed(node: Node | undefined, error: unknown): Promise<void> {
    const { signal } = this.limits;
    if (signal?.aborted) throw aborted(this.what, signal);
    if (this.nodes.isClosed) throw new FactstoreError('CANCELLED', `${this.what}: the client was closed`);
    if (!(error instanceof FactstoreError) || !this.mayBeMended(node, error)) throw error;
    this.noteStrangers(error);
    if (node) {
      this.nodes.failed(node);
      if (error.code !== 'UNREACHABLE') this.away.delete(node.address);
      else if (this.lostMs !== undefined) this.away.add(node.address);
      // That a node did not answer in what little time was left takes back nothing of what it has said before.
      const said = isCutShort(error) ? this.errors.get(node.address) : undefined;
      this.errors.delete(node.address);
      this.errors.set(node.address, said ?? error);
    }
    // The others are tried at once; only when all have failed is it time to wait.
    const others = node !== undefined && this.errors.size < this.nodes.all.length;
    const waitMs = others ? 0 : backoffMs(this.failures++);
    const now = this.clock.monotonicMs();
    this.deadlineMs ??= now + this.limits.timeoutMs;
    if (now + waitMs >= this.deadlineMs) throw this.verdict(node, error);
    if (waitMs === 0) return;
    await this.clock.sleep(waitMs, signal);
    if (signal?.aborted) throw aborted(this.what, signal);
  }

  /**
   * A record that one node has lost is whole at the others: only where all of them have said so is it gone, or where those that
   * have not cannot be reached for a while.
   */
  private mayBeMended(node: Node | undefined, error: FactstoreError): boolean {
    if (!node || error.code !== 'DATA_LOSS') return isRetryable(error);
    const now = this.clock.monotonicMs();
    this.lostMs ??= now;
    this.damaged.add(node.address);
    const others = this.nodes.all.filter(({ address }) => !this.damaged.has(address));
    return others.some(({ address }) => !this.away.has(address)) || (others.length > 0 && now < this.lostMs + AWAY_MS);
  }

  /** Who waits without an end would never hear that the cluster was given up, and goes on as another one. */
  private noteStrangers(error: FactstoreError): void {
    if (isAnswer(error)) this.strangersMs = undefined;
    if (!isOfAnother(error)) return;
    const now = this.clock.monotonicMs();
    this.strangersMs ??= now;
    if (now < this.strangersMs + STRANGERS_ALONE_MS) return;
    throw new FactstoreError('FAILED_PRECONDITION', `${this.what}: ${error.message}`, error.details, { cause: error });
  }

  /** What a node said in its last answer (that it is behind, say) tells more than that another one said nothing. */
  private verdict(node: Node | undefined, error: FactstoreError): FactstoreError {
    if (isAnswer(error)) return error;
    const told = [...this.errors.values()].findLast(isAnswer);
    if (told) return told;
    if (!node || error.code !== 'UNREACHABLE') return error;
    return unreachable(
      new Map([...this.errors].map(([address, { details, message }]) => [address, String(details.reason ?? message)])),
      // What was asked of them may have been more than a question.
      false,
    );
  }
}

/** Whether a node gave this answer itself. */
function isAnswer(error: FactstoreError): boolean {
  return error.code !== 'UNREACHABLE' && error.code !== 'DEADLINE_EXCEEDED';
}

/** Whether a node was given less time than one has that is to show itself. */
function isCutShort({ code, cause }: FactstoreError): boolean {
  return code === 'DEADLINE_EXCEEDED' || (cause instanceof FactstoreError && cause.code === 'DEADLINE_EXCEEDED');
}
