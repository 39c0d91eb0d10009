import { randomInt } from 'node:crypto';
import { bytesEqual, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Deferred, deferred } from '../runtime/deferred.ts';
import type { Logger } from '../runtime/logger.ts';
import {
  decodeFoundingRecord,
  encodeFoundingRecord,
  type FoundingMember,
  type Identification,
} from './founding-codec.ts';
import { type Round, type Sighting, survey } from './founding-survey.ts';
import { HandOver } from './hand-over.ts';
import { memberId } from './identity.ts';
import { RareLog } from './rare-log.ts';

export interface FoundingOptions {
  /** This node. */
  readonly me: FoundingMember;
  /** Node id to peer address, this node included: `--cluster`. */
  readonly founders: ReadonlyMap<string, string>;
  /** The highest feature level that this node knows. */
  readonly knownFeatureLevel: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
  /** An integer from `from` (inclusive) to `to` (exclusive). */
  readonly random?: (from: number, to: number) => number;
  /** A new UUID, 16 bytes. */
  readonly newClusterId: () => Uint8Array;
  /** Resolves once identity and log entry 1 are synced; must either happen as a whole or not at all. */
  readonly adopt: (record: Uint8Array) => Promise<void>;
  /**
   * The cluster exists and this directory is not of it: the disk was wiped or replaced. Resolves once the node has joined
   * as a new member; without it the start ends.
   */
  readonly rejoin?: () => Promise<void>;
  /** The cluster that this node was a member of, and comes back to: it must found no other one meanwhile. */
  readonly formerCluster?: Uint8Array | undefined;
  /** The founding record of this data directory; undefined while it belongs to no cluster. */
  readonly currentRecord: () => Uint8Array | undefined;
  /** True: the members have changed since the founding, and this founder is none any more. */
  readonly isGone?: (founder: MemberId) => boolean;
  /** The cluster that the directory belongs to, where that is not the one of the record any more. */
  readonly clusterId?: () => Uint8Array;
}

const LOG_MS = 5000;
const POLL_MIN_MS = 50;
const POLL_MAX_MS = 1000;

/**
 * Brings a cluster into being, once (DESIGN §6). The lowest node id, in plain order of the characters ("n10" before
 * "n2"), proposes; it does so only when it has seen every founder, each without a cluster. DESIGN.md of this folder has
 * the argument why this is safe.
 */
export class Founding {
  private readonly options: FoundingOptions;
  private readonly log: RareLog;
  private readonly adopted: Deferred<void> = deferred();
  private readonly handOver: HandOver;
  /** Proposing and being handed a record take turns. */
  private turn: Promise<void> = Promise.resolve();
  private waiting = '';

  constructor(options: FoundingOptions) {
    this.options = options;
    this.log = new RareLog(options.clock, LOG_MS);
    this.handOver = new HandOver(options);
  }

  /** Who is being waited for, and why; empty while nobody is. For status. */
  waitingFor(): string {
    return this.waiting || this.handOver.waitingFor();
  }

  /** Resolves once every founder has the record or is gone, or the signal is aborted. For tests. */
  get handedOver(): Promise<void> {
    return this.handOver.done;
  }

  /** For the peer server: who this node is. */
  identify(): Identification {
    const bytes = this.options.currentRecord();
    const record = bytes && decodeFoundingRecord(bytes);
    const { me, knownFeatureLevel, formerCluster } = this.options;
    const own = record && (this.options.clusterId?.() ?? record.clusterId);
    const clusterId = own ?? formerCluster ?? new Uint8Array(0);
    return { ...me, clusterId, members: record?.members ?? [], knownFeatureLevel };
  }

  /**
   * For the peer server: another founder hands the record over. Resolves once it is on disk; the same record again is
   * fine; any other is refused with FAILED_PRECONDITION.
   */
  found(bytes: Uint8Array): Promise<void> {
    return this.inTurn(async () => {
      const record = decodeFoundingRecord(bytes);
      const { me, founders, knownFeatureLevel, currentRecord } = this.options;
      const current = currentRecord();
      if (current) {
        if (bytesEqual(current, bytes)) return;
        throw refuse(
          `${me.nodeId} belongs to cluster ${uuidText(decodeFoundingRecord(current).clusterId)} already and does not become a member of ${uuidText(record.clusterId)}`,
        );
      }
      const own = record.members.find((member) => member.nodeId === me.nodeId);
      if (!own || !bytesEqual(own.directoryId, me.directoryId)) {
        throw refuse(
          `the record of cluster ${uuidText(record.clusterId)} does not name ${memberId(me.nodeId, me.directoryId)}`,
        );
      }
      const names = record.members.map((member) => member.nodeId);
      const given = [...founders.keys()];
      if (names.length !== given.length || !names.every((name) => founders.has(name))) {
        throw refuse(
          `the record of cluster ${uuidText(record.clusterId)} names ${names.join(', ')}, but --cluster of ${me.nodeId} names ${given.join(', ')}: give all founders the same --cluster`,
        );
      }
      if (record.featureLevel > knownFeatureLevel) {
        throw refuse(
          `cluster ${uuidText(record.clusterId)} begins at feature level ${record.featureLevel}, but ${me.nodeId} knows levels up to ${knownFeatureLevel}: start it with a newer version`,
        );
      }
      await this.adopt(bytes);
    });
  }

  /**
   * The founding record, once this data directory has one. Rejects with FAILED_PRECONDITION where this node must not
   * found and is not a member (a wiped disk), with CANCELLED when the signal is aborted. Handing the record to founders
   * that lack it goes on in the background.
   */
  async run(): Promise<Uint8Array> {
    const { me, founders, currentRecord } = this.options;
    if (!currentRecord()) {
      if (!founders.has(me.nodeId)) {
        const names = [...founders.keys()].join(', ');
        throw refuse(
          `--cluster names ${names}, but this node is ${me.nodeId}: name it there, or start it with another --node-id`,
        );
      }
      await this.waitForRecord();
    }
    this.waiting = '';
    const record = currentRecord();
    if (!record) throw this.cancelled();
    // Who has joined later was not handed the record by a founder, and hands it to nobody.
    if (this.isFounder(record)) this.handOver.start(record);
    return record;
  }

  private isFounder(record: Uint8Array): boolean {
    const { nodeId, directoryId } = this.options.me;
    const { members } = decodeFoundingRecord(record);
    return members.some((member) => member.nodeId === nodeId && bytesEqual(member.directoryId, directoryId));
  }

  private async waitForRecord(): Promise<void> {
    const { me, founders, clock, random = randomInt, signal, currentRecord } = this.options;
    const proposer = [...founders.keys()].sort()[0];
    for (let pollMs = POLL_MIN_MS; !currentRecord(); pollMs = Math.min(POLL_MAX_MS, pollMs * 1.5)) {
      if (signal.aborted) throw this.cancelled();
      const round = await survey(me, founders, clock, signal);
      if (currentRecord()) return;
      if (signal.aborted) throw this.cancelled();
      const stranger = round.find((seen) => seen.state === 'stranger');
      if (stranger) return this.comeBack(stranger);
      if (proposer === me.nodeId && round.every((seen) => seen.state === 'ready')) {
        await this.inTurn(() => this.propose(round));
        return;
      }
      this.report(round, proposer);
      const pause = clock.sleep(random(Math.ceil(pollMs / 2), Math.ceil(pollMs) + 1), signal);
      await Promise.race([pause, this.adopted.promise]);
    }
  }

  private async comeBack(stranger: Sighting): Promise<void> {
    const { rejoin, logger } = this.options;
    const text = this.wipedText(stranger);
    if (!rejoin) throw refuse(text);
    logger.warn({ event: 'founding.rejoining' }, text);
    await rejoin();
  }

  /** Every founder has been seen, and none belongs to a cluster: this node makes the record and syncs it first. */
  private async propose(round: Round): Promise<void> {
    const { me, knownFeatureLevel, clock, logger, newClusterId, currentRecord } = this.options;
    if (currentRecord()) return;
    const others = round.flatMap((seen) => (seen.node ? [seen.node] : []));
    const members = [me, ...others].map(({ nodeId, directoryId, address, peerAddress }) => ({
      nodeId,
      directoryId,
      address,
      peerAddress,
    }));
    members.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    const featureLevel = Math.min(knownFeatureLevel, ...others.map((other) => other.knownFeatureLevel));
    const record = { clusterId: newClusterId(), members, createdUs: clock.nowUs(), featureLevel };
    const names = members.map((member) => member.nodeId).join(', ');
    const text = `founding cluster ${uuidText(record.clusterId)} of ${names}`;
    logger.info({ event: 'founding.proposed', clusterId: uuidText(record.clusterId) }, text);
    await this.adopt(encodeFoundingRecord(record));
  }

  private async adopt(bytes: Uint8Array): Promise<void> {
    await this.options.adopt(bytes);
    const { clusterId } = decodeFoundingRecord(bytes);
    const { me, logger } = this.options;
    const text = `${me.nodeId} belongs to cluster ${uuidText(clusterId)} now`;
    logger.info({ event: 'founding.adopted', clusterId: uuidText(clusterId) }, text);
    this.adopted.resolve();
  }

  private report(round: Round, proposer: string | undefined): void {
    const missing = round.filter((seen) => seen.state !== 'ready').map((seen) => `${seen.nodeId} (${seen.reason})`);
    const { logger } = this.options;
    this.waiting = `waiting for ${missing.length > 0 ? missing.join(', ') : `${proposer} (it has the lowest node id and founds the cluster)`}`;
    this.log.once(this.waiting, () => logger.info({ event: 'founding.waiting' }, `no cluster yet: ${this.waiting}`));
  }

  private wipedText(stranger: Sighting): string {
    const { me, founders } = this.options;
    const names = [...founders.keys()].join(', ');
    const cluster = uuidText(stranger.node?.clusterId ?? new Uint8Array(16));
    return `${stranger.nodeId} belongs to cluster ${cluster} already, and this data directory (${uuidText(me.directoryId)}) is not one of its members: the disk of ${me.nodeId} was wiped or replaced. It can only come back as a new member, in place of its former self. To found a new cluster instead, stop and empty all of ${names}`;
  }

  private cancelled(): FactstoreError {
    return new FactstoreError(
      'CANCELLED',
      `stopped before there was a cluster (${this.waiting || 'founding'})`,
      {},
      { definite: true },
    );
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }
}

function refuse(text: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', text);
}
