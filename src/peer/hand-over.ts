import { randomInt } from 'node:crypto';
import { bytesEqual, uuidText } from '../base/bytes.ts';
import type { Signal } from '../base/signal.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { deferred } from '../runtime/deferred.ts';
import type { Logger } from '../runtime/logger.ts';
import { decodeError } from './codec.ts';
import { decodeFoundingRecord, encodeFoundRequest, type FoundingMember } from './founding-codec.ts';
import { identify } from './founding-survey.ts';
import { ask } from './grpc.ts';
import { memberId } from './identity.ts';
import { RareLog } from './rare-log.ts';

export interface HandOverOptions {
  readonly me: FoundingMember;
  readonly founders: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
  readonly random?: (from: number, to: number) => number;
  /** True: the members have changed since the founding, and this founder is none any more. */
  readonly isGone?: (founder: MemberId) => boolean;
}

const LOG_MS = 5000;
const POLL_MIN_MS = 50;
const POLL_MAX_MS = 5000;
/** A founder syncs the record before it answers. */
const FOUND_TIMEOUT_MS = 10_000;

/**
 * Gives the founding record to every founder that lacks it and has not been removed. Each node that has the record does
 * this after every start, so that it reaches all of them even if the proposer died after it gave it to one.
 */
export class HandOver {
  private readonly options: HandOverOptions;
  private readonly log: RareLog;
  private readonly finished = deferred<void>();
  /** Node id to why it does not have the record, as far as this node knows. */
  private readonly missing = new Map<string, string>();

  constructor(options: HandOverOptions) {
    this.options = options;
    this.log = new RareLog(options.clock, LOG_MS);
  }

  /** Resolves once every founder has it or is gone, or the signal is aborted. */
  get done(): Promise<void> {
    return this.finished.promise;
  }

  waitingFor(): string {
    if (this.missing.size === 0) return '';
    return `waiting for ${[...this.missing].map(([nodeId, reason]) => `${nodeId} (${reason})`).join(', ')}`;
  }

  start(bytes: Uint8Array): void {
    const { members, clusterId } = decodeFoundingRecord(bytes);
    const others = members.filter((member) => member.nodeId !== this.options.me.nodeId);
    const each = others.map((member) => this.give(member, clusterId, bytes));
    void Promise.all(each).then(() => this.finished.resolve());
  }

  private async give(member: FoundingMember, clusterId: Uint8Array, bytes: Uint8Array): Promise<void> {
    const { clock, random = randomInt, signal, logger, founders, isGone = () => false } = this.options;
    const id = memberId(member.nodeId, member.directoryId);
    // What the operator says now goes before what was true when the cluster was founded.
    const address = founders.get(member.nodeId) ?? member.peerAddress;
    for (let pollMs = POLL_MIN_MS; !signal.aborted && !isGone(id); pollMs = Math.min(POLL_MAX_MS, pollMs * 1.5)) {
      const reason = await this.attempt(member, address, clusterId, bytes);
      if (reason === undefined) break;
      if (signal.aborted) return;
      this.missing.set(member.nodeId, reason);
      this.log.once(member.nodeId, () =>
        logger.info(
          { event: 'founding.handingOver', member: member.nodeId, reason },
          `${member.nodeId} does not have the founding record yet: ${reason}`,
        ),
      );
      await clock.sleep(random(Math.ceil(pollMs / 2), Math.ceil(pollMs) + 1), signal);
    }
    this.missing.delete(member.nodeId);
  }

  /** Why the member may not have the record; undefined where it has. */
  private async attempt(
    member: FoundingMember,
    address: string,
    clusterId: Uint8Array,
    bytes: Uint8Array,
  ): Promise<string | undefined> {
    const { me, clock, signal } = this.options;
    try {
      const node = await identify(me.nodeId, address, clock, signal);
      if (node.nodeId !== member.nodeId) return `at ${address} answers ${node.nodeId}, not ${member.nodeId}`;
      if (!bytesEqual(node.directoryId, member.directoryId)) {
        return `at ${address} it has data directory ${uuidText(node.directoryId)} instead of ${uuidText(member.directoryId)}: its disk was wiped or replaced`;
      }
      if (bytesEqual(node.clusterId, clusterId)) return undefined;
      await ask(address, 'Found', encodeFoundRequest({ record: bytes, clusterId: new Uint8Array(0) }), {
        clock,
        timeoutMs: FOUND_TIMEOUT_MS,
        signal,
      });
      return undefined;
    } catch (thrown) {
      return decodeError(thrown).message;
    }
  }
}
