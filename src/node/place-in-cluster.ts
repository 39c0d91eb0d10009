import type { Signal } from '../base/signal.ts';
import { formatAddress } from '../config/values.ts';
import { memberId } from '../peer/identity.ts';
import type { JoinRequest, JoinResponse } from '../peer/join-codec.ts';
import { Joining } from '../peer/joining.ts';
import { RareLog } from '../peer/rare-log.ts';
import { isVoter } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';
import type { MemberPorts } from './member.ts';
import type { Members } from './members.ts';

export interface PlaceInClusterPorts
  extends Pick<MemberPorts, 'options' | 'storage' | 'clock' | 'logger' | 'me' | 'knownFeatureLevel'> {
  readonly members: Members;
  /** Which member leads; undefined: none that this node knows of. */
  leader(): MemberId | undefined;
  /** Asks this node itself, where it leads. */
  join(request: JoinRequest): Promise<JoinResponse>;
  /** This node was removed, or is refused: from here on it serves nothing, old reads included (rule Q3). */
  serveNothing(why: string): void;
  /** Aborted when the node stops. */
  readonly ending: Signal;
}

/** Longer than any election takes. */
const LEADERLESS_MS = 5_000;
/** Where it was refused, whatever stands against it may take a while to pass. */
const ANNOUNCE_AGAIN_MS = 5_000;
const REPEAT_LOG_MS = 60_000;

/**
 * Whether this node has a place in its cluster, and which. One that does not vote yet asks for that; one that hears of no
 * leader asks whether it still belongs to it: who was removed is sent nothing more, and would not learn of it otherwise.
 * One that was started at another address tells the leader.
 */
export class PlaceInCluster {
  private readonly ports: PlaceInClusterPorts;
  private readonly self: string;
  private why = '';
  private asking = false;
  private ledAtMs: number;
  private announceFromMs = 0;
  private readonly log: RareLog;

  constructor(ports: PlaceInClusterPorts) {
    this.ports = ports;
    this.self = memberId(ports.me.nodeId, ports.me.directoryId);
    this.ledAtMs = ports.clock.monotonicMs();
    this.log = new RareLog(ports.clock, REPEAT_LOG_MS);
  }

  /** Why this node has no place any more; empty: as far as it knows it has. */
  get lost(): string {
    return this.why;
  }

  /** At the start: who has joined later and does not vote yet wants to, and who was removed has to learn of it. */
  take(): void {
    const { inForce } = this.ports.members;
    if (this.outside || (!isVoter(inForce, this.self) && !this.founded)) void this.becomeVoter();
  }

  /** Called about once a second. */
  keep(): void {
    const now = this.ports.clock.monotonicMs();
    const leader = this.ports.leader();
    if (leader !== undefined) this.ledAtMs = now;
    const leaderless = now - this.ledAtMs > LEADERLESS_MS && this.ports.members.all.length > 1;
    if (this.outside || leaderless) void this.becomeVoter();
    else if (leader !== undefined && this.hasMoved && now >= this.announceFromMs) void this.announce(leader);
  }

  /** Whether what this node knows to be in force does without it: it has yet to join, or was removed. */
  private get outside(): boolean {
    return !this.ports.members.inForce.members.has(this.self);
  }

  /** Whether the log names other addresses of this node than it is to be reached at. */
  private get hasMoved(): boolean {
    const { me, members } = this.ports;
    const recorded = members.inForce.members.get(this.self);
    return recorded !== undefined && (recorded.address !== me.address || recorded.peerAddress !== me.peerAddress);
  }

  private async announce(leader: MemberId): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const { clock, logger, me, knownFeatureLevel, storage, ending } = this.ports;
    const { clusterId } = storage;
    let obstacle: string;
    try {
      const ownAnswer = leader === this.self && this.ports.join({ node: me, knownFeatureLevel, clusterId });
      obstacle = ownAnswer ? (await ownAnswer).waits : await this.newJoining().announce();
    } catch (error) {
      obstacle = error instanceof Error ? error.message : String(error);
    } finally {
      this.asking = false;
      this.announceFromMs = clock.monotonicMs() + ANNOUNCE_AGAIN_MS;
    }
    if (obstacle === '' || ending.aborted) return;
    this.log.once('moved', () =>
      logger.warn({ event: 'member.moved' }, `the members do not take note of where this node is now: ${obstacle}`),
    );
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
    const { logger, ending, serveNothing } = this.ports;
    try {
      await this.newJoining().voter();
    } catch (error) {
      if (ending.aborted) return;
      this.why = error instanceof Error ? error.message : String(error);
      serveNothing(this.why);
      logger.error({ event: 'member.refused' }, `this node has no place in the cluster: ${this.why}`);
    } finally {
      this.asking = false;
    }
  }

  private newJoining(): Joining {
    const { options, storage, clock, logger, me, knownFeatureLevel, members, ending } = this.ports;
    return new Joining({
      me,
      knownFeatureLevel,
      addresses: () => [
        ...members.all.filter((member) => member.memberId !== this.self).map((member) => member.peerAddress),
        ...(options.join ?? []).map(formatAddress),
      ],
      clusterId: () => storage.clusterId,
      clock,
      logger,
      signal: ending,
    });
  }
}
