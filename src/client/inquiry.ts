import type { FactstoreError } from '../base/errors.ts';
import type { StatusResponse__Output } from '../proto/gen/factstore/v1/StatusResponse.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { type CallLimits, type Node, PROBE_TIMEOUT_MS } from './node.ts';
import { linkSignals } from './session.ts';
import { isRetryable, unreachable } from './status-error.ts';

/** Once one answer will do, the other nodes have this long, so that a node which hangs does not hold up the rest. */
const GRACE_MS = 500;

export interface Answer {
  readonly node: Node;
  readonly status: StatusResponse__Output;
}

/** One round of questions to many nodes at once: how they are. */
export class Inquiry {
  readonly answers: Answer[] = [];
  /** Why each of the others gave none. */
  readonly reasons = new Map<string, string>();
  private readonly asked = new Set<Node>();
  private readonly clock: Clock;
  private readonly question: (node: Node, limits: CallLimits) => Promise<StatusResponse__Output>;
  private fatal: FactstoreError | undefined;

  constructor(clock: Clock, question: (node: Node, limits: CallLimits) => Promise<StatusResponse__Output>) {
    this.clock = clock;
    this.question = question;
  }

  /**
   * Asks these nodes, and those that an answer leads to, until that is enough. Where no answer will do, each of the others is
   * waited for until it counts as silent.
   */
  async ask(
    nodes: readonly Node[],
    signal: AbortSignal,
    leadsTo: (status: StatusResponse__Output) => readonly Node[] | 'enough',
    willDo: (status: StatusResponse__Output) => boolean = () => true,
  ): Promise<void> {
    const stop = new AbortController();
    const link = linkSignals(stop.signal, signal);
    const limits = { timeoutMs: PROBE_TIMEOUT_MS, signal: link.signal };
    let grace: Timer | undefined;
    await new Promise<void>((resolve) => {
      let open = 0;
      const ask = (node: Node): void => {
        if (this.asked.has(node)) return;
        this.asked.add(node);
        open++;
        void this.askOne(node, limits).then((status) => {
          const next = status ? leadsTo(status) : [];
          if (next === 'enough') resolve();
          else next.forEach(ask);
          if (--open === 0) resolve();
          else if (status && willDo(status)) grace ??= this.clock.setTimer(GRACE_MS, resolve);
        });
      };
      nodes.forEach(ask);
    });
    grace?.cancel();
    stop.abort();
    link.unlink();
  }

  /** What a round without an answer ends in. */
  silence(): FactstoreError {
    return this.fatal ?? unreachable(this.reasons, true);
  }

  private async askOne(node: Node, limits: CallLimits): Promise<StatusResponse__Output | undefined> {
    try {
      const status = await this.question(node, limits);
      this.answers.push({ node, status });
      return status;
    } catch (error) {
      const failure = error as FactstoreError;
      this.reasons.set(node.address, String(failure.details.reason ?? failure.message));
      if (!isRetryable(failure) && failure.code !== 'CANCELLED') this.fatal = failure;
      return undefined;
    }
  }
}
