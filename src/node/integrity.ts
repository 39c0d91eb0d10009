import type { Signal } from '../base/signal.ts';
import type { NodeOptions } from '../config/options.ts';
import { type Clock, every, type Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Scrubber, type ScrubProgress } from '../scrub/scrubber.ts';
import { ChainComparison } from './chain-comparison.ts';
import type { DamageWatch } from './damage-watch.ts';
import type { Member } from './member.ts';
import type { NodeStorage } from './open-storage.ts';

export interface IntegrityPorts {
  readonly options: NodeOptions;
  readonly storage: NodeStorage;
  readonly member: Member;
  readonly damages: DamageWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: Signal;
  /** Another member leads from here on, where one can. */
  handOver(): Promise<void>;
}

/** Watches over what a running node has: scrubs its disk, and compares its history with that of the others. */
export class Integrity {
  private readonly ports: IntegrityPorts;
  private readonly scrubber: Scrubber;
  private readonly comparison: ChainComparison;
  private comparing = false;
  private timer: Timer | undefined;

  constructor(ports: IntegrityPorts) {
    this.ports = ports;
    const { options, storage, member, damages, clock, logger, signal } = ports;
    this.scrubber = new Scrubber({
      log: storage.log,
      index: storage.indexStore,
      indexTables: () => storage.tablesOfIndex(),
      bytesPerSecond: options.scrubBytesPerSecond,
      restMs: options.scrubRestMinutes * 60_000,
      clock,
      logger,
      rowsAtRest: () => {
        const { state, point, through } = member.scavenging.status;
        return state === 'running' ? undefined : `${state} ${point} ${through}`;
      },
      logDamaged: (damage) => damages.log(damage),
      indexDamaged: (error) => damages.index(error),
    });
    this.comparison = new ChainComparison({
      log: storage.log,
      clusterId: storage.clusterId,
      nodeId: options.nodeId,
      clock,
      logger,
      signal,
      known: storage.divergence,
      voters: () => this.otherVoters(),
      leader: () => member.leaderNodeId,
      fenced: (why) => {
        member.serveNothing(why);
        return storage.noteDivergence(why);
      },
    });
    if (this.fence !== undefined) member.serveNothing(this.fence);
  }

  start(): void {
    const { clock, options } = this.ports;
    this.scrubber.start();
    this.timer = every(clock, options.chainCheckSeconds * 1_000, () => void this.compare());
  }

  async stop(): Promise<void> {
    this.timer?.cancel();
    await this.scrubber.stop();
  }

  /** Why this node must serve nothing; undefined: it may. */
  get fence(): string | undefined {
    return this.comparison.fence;
  }

  /** Node ids of the voters whose history is another one. */
  get diverged(): readonly string[] {
    return this.comparison.diverged;
  }

  get scrub(): ScrubProgress {
    return this.scrubber.progress;
  }

  private async compare(): Promise<void> {
    if (this.comparing) return;
    this.comparing = true;
    try {
      await this.comparison.compare();
      if (this.fence !== undefined) await this.ports.handOver();
    } catch (error) {
      if (!this.ports.signal.aborted)
        this.ports.logger.warn(
          { event: 'log.uncompared', err: error },
          'the log could not be compared with the others',
        );
    } finally {
      this.comparing = false;
    }
  }

  private otherVoters(): Map<string, string> {
    const { members = [] } = this.ports.member.status();
    const voters = members.filter(({ voter, nodeId }) => voter && nodeId !== this.ports.options.nodeId);
    return new Map(voters.map(({ nodeId, peerAddress }) => [String(nodeId), String(peerAddress)]));
  }
}
