import { FactstoreError } from '../base/errors.ts';
import { formatAddress } from '../config/values.ts';
import { memberId } from '../peer/identity.ts';
import { Joining } from '../peer/joining.ts';
import { isVoter } from '../raft/configuration.ts';
import type { MemberPorts } from './member.ts';
import type { Members } from './members.ts';

export interface PlaceInClusterPorts
  extends Pick<MemberPorts, 'options' | 'storage' | 'clock' | 'logger' | 'me' | 'knownFeatureLevel'> {
  readonly members: Members;
  /** Whether a leader is heard of. */
  hasLeader(): boolean;
  /** Aborted when the node stops. */
  readonly ending: AbortSignal;
}

/** Longer than any election takes. */
const LEADERLESS_MS = 5_000;

/**
 * Whether this node has a place in its cluster. One that does not vote yet asks for that; one that hears of no leader asks
 * whether it still belongs to it: who was removed is sent nothing more, and would not learn of it otherwise.
 */
export class PlaceInCluster {
  private readonly ports: PlaceInClusterPorts;
  private readonly self: string;
  private why = '';
  private asking = false;
  private ledAtMs: number;

  constructor(ports: PlaceInClusterPorts) {
    this.ports = ports;
    this.self = memberId(ports.me.nodeId, ports.me.directoryId);
    this.ledAtMs = ports.clock.monotonicMs();
  }

  /** Why this node has no place any more; empty: as far as it knows it has. */
  get lost(): string {
    return this.why;
  }

  /** Ends in NOT_READY where this node was removed: it serves nothing, old reads included (rule Q3). */
  check(): void {
    if (this.why !== '') throw new FactstoreError('NOT_READY', this.why);
  }

  /** At the start: who has joined later and does not vote yet wants to. */
  take(): void {
    if (!isVoter(this.ports.members.inForce, this.self) && !this.founded) void this.becomeVoter();
  }

  /** Called about once a second. */
  keep(): void {
    const now = this.ports.clock.monotonicMs();
    if (this.ports.hasLeader()) this.ledAtMs = now;
    if (now - this.ledAtMs > LEADERLESS_MS && this.ports.members.all.length > 1) void this.becomeVoter();
  }

  /** Whether this directory was among those that founded the cluster. */
  private get founded(): boolean {
    const { members } = this.ports.storage.founding;
    return members.some(({ nodeId, directoryId }) => memberId(nodeId, directoryId) === this.self);
  }

  /** Asks for a vote until this node has one, or is told that it has no place. */
  private async becomeVoter(): Promise<void> {
    if (this.asking || this.why !== '') return;
    this.asking = true;
    const { options, storage, clock, logger, me, knownFeatureLevel, members, ending } = this.ports;
    const joining = new Joining({
      me,
      knownFeatureLevel,
      addresses: () => [
        ...members.all.filter((member) => member.memberId !== this.self).map((member) => member.peerAddress),
        ...(options.join ?? []).map(formatAddress),
      ],
      clusterId: () => storage.founding.clusterId,
      clock,
      logger,
      signal: ending,
    });
    try {
      await joining.voter();
    } catch (error) {
      if (ending.aborted) return;
      this.why = error instanceof Error ? error.message : String(error);
      logger.error({ event: 'member.refused' }, `this node has no place in the cluster: ${this.why}`);
    } finally {
      this.asking = false;
    }
  }
}
