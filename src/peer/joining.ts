import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { decodeError } from './codec.ts';
import { type Admission, decodeFoundingRecord, type FoundingMember } from './founding-codec.ts';
import { ask } from './grpc.ts';
import { decodeJoinResponse, encodeJoinRequest, type JoinResponse } from './join-codec.ts';
import { RareLog } from './rare-log.ts';

export interface JoiningOptions {
  /** This node. */
  readonly me: FoundingMember;
  readonly knownFeatureLevel: number;
  /** Peer addresses of members, any of which can be asked. */
  readonly addresses: () => readonly string[];
  /** The cluster that the data directory belongs to; empty: none. */
  readonly clusterId: () => Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
}

const LOG_MS = 5000;
const PAUSE_MS = 250;
/** The answer waits for a change of members to be committed. */
const JOIN_TIMEOUT_MS = 10_000;

/**
 * A node on its way into a cluster that exists. It asks, again and again, whoever it knows: it is first added as a
 * learner, and is made a voter when the leader finds that it has caught up. Each question says all that matters, so that
 * it makes no difference who answers, who leads, or how often this node is started meanwhile.
 */
export class Joining {
  private readonly options: JoiningOptions;
  private readonly log: RareLog;
  private waits = '';
  private handed: Admission | undefined;

  constructor(options: JoiningOptions) {
    this.options = options;
    this.log = new RareLog(options.clock, LOG_MS);
  }

  /** What is being waited for, for status. */
  waitingFor(): string {
    return this.waits;
  }

  /**
   * Resolves once this node is a member, with what makes it one. Rejects with FAILED_PRECONDITION where it cannot
   * become one, or was given an address at which no member answers; with CANCELLED when the signal is aborted.
   */
  member(): Promise<Admission> {
    return this.until(isMember, () => true);
  }

  /** Resolves once the leader has heard of this member, with what it has against the addresses that this one tells. */
  async announce(): Promise<string> {
    const answer = await this.until(isMember, wasJudged);
    return answer.waits;
  }

  /** A member hands the founding record over, because somebody has added this node there. Refuses what is no such record. */
  take(admission: Admission): void {
    decodeFoundingRecord(admission.record);
    this.handed = admission;
  }

  /** Resolves once this member votes. Rejects with FAILED_PRECONDITION where a leader says that it has no place any more. */
  async voter(): Promise<void> {
    await this.until((answer) => answer.voter, wasJudged);
  }

  /** Asks until an answer is `done`, or a refusal `final`. */
  private async until(
    done: (answer: JoinResponse) => boolean,
    final: (refusal: FactstoreError) => boolean,
  ): Promise<JoinResponse> {
    const { signal, clock } = this.options;
    while (!signal.aborted) {
      if (this.handed) return { ...this.handed, voter: false, leader: '', waits: '' };
      for (const address of this.options.addresses()) {
        const answer = await this.attempt(address, final);
        if (answer && done(answer)) {
          this.waits = '';
          return answer;
        }
      }
      await clock.sleep(PAUSE_MS, signal);
    }
    throw new FactstoreError('CANCELLED', `stopped before the node had joined (${this.waits})`, {}, { definite: true });
  }

  /** Asks one member and, if it names another one as leader, that one. */
  private async attempt(
    address: string,
    final: (refusal: FactstoreError) => boolean,
  ): Promise<JoinResponse | undefined> {
    try {
      const first = await this.askOne(address);
      const answer = first.leader === '' ? first : await this.askOne(first.leader);
      this.report(answer.waits || (answer.leader && `waiting for a leader, last said to be ${answer.leader}`));
      return answer;
    } catch (thrown) {
      const error = decodeError(thrown);
      if (error.code === 'FAILED_PRECONDITION' && final(error)) throw error;
      this.report(`cannot join through ${address}: ${error.message}`);
      return undefined;
    }
  }

  private async askOne(address: string): Promise<JoinResponse> {
    const { me, knownFeatureLevel, clusterId, clock, signal } = this.options;
    const request = encodeJoinRequest({ node: me, knownFeatureLevel, clusterId: clusterId() });
    return decodeJoinResponse(await ask(address, 'Join', request, { clock, timeoutMs: JOIN_TIMEOUT_MS, signal }));
  }

  private report(waits: string): void {
    this.waits = waits;
    if (waits === '') return;
    this.log.once('waits', () => this.options.logger.info({ event: 'joining.waiting' }, `joining: ${waits}`));
  }
}

function isMember(answer: JoinResponse): boolean {
  return answer.record.length > 0;
}

/**
 * Whether a leader has judged. A member that runs may ask where others are by now, at a seed that was given up or through a
 * proxy, and those have no say in whether it is one.
 */
function wasJudged(refusal: FactstoreError): boolean {
  return refusal.details.judged === true;
}
