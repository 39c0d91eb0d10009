import { uuidText } from '../base/bytes.ts';
import type { ScavengeStatusResponse__Output } from '../proto/gen/factstore/v1/ScavengeStatusResponse.ts';
import { adminService } from '../proto/load.ts';
import type { ClusterClient } from './cluster.ts';
import { askForChange } from './identified-change.ts';
import { uuidOrNew } from './identifiers.ts';
import { type ClientMethod, PROBE_TIMEOUT_MS } from './node.ts';
import type { CallOptions } from './options.ts';
import { type Session, underSignals } from './session.ts';
import { asFactstoreError } from './status-error.ts';

/**
 * - `none`: there was none yet, as far as the member has applied the log. - `running`: it is at it. - `done`: it is through.
 * - `stopped`: it was ended before the member was through.
 */
export type ScavengeState = 'none' | 'running' | 'done' | 'stopped';

/** How far a member has come with the last scavenge. */
export interface MemberScavenge {
  readonly nodeId: string;
  /** Where clients reach it, host:port. */
  readonly address: string;
  readonly reachable: true;
  readonly state: ScavengeState;
  /** The scavenge point: the position up to which the log says what is hidden; 0: none. */
  readonly point: bigint;
  /** Log entries up to this index were looked at, of those up to `to`. */
  readonly through: bigint;
  readonly to: bigint;
  /** Events whose content was erased. */
  readonly events: bigint;
  /** Bytes that their records became shorter by; tables on the disk are compressed, and shrink by less or more. */
  readonly bytes: bigint;
  /** What the member has lost of its log, so that it cannot go on; empty: nothing. */
  readonly waitsFor: string;
}

/** A member that did not answer, and why. */
export interface UnknownScavenge extends Pick<MemberScavenge, 'nodeId' | 'address'> {
  readonly reachable: false;
  readonly unreachable: string;
}

export type ScavengeStatus = MemberScavenge | UnknownScavenge;

/** Of the start and the stop of a scavenge. */
export interface ScavengeOptions extends CallOptions {
  /** A UUID for it; see {@link AppendManyOptions.appendId}. */
  readonly appendId?: string | undefined;
}

/** Work on what the nodes have on their disks. */
export class AdminClient {
  private readonly session: Session;
  private readonly cluster: ClusterClient;

  /** @internal */
  constructor(session: Session, cluster: ClusterClient) {
    this.session = session;
    this.cluster = cluster;
  }

  /**
   * Has every node take the content of all events that are hidden by now from its disk, and gives the scavenge point. The
   * nodes go on by themselves: see {@link scavengeStatus}. Any node takes the call. Ends in a FactstoreError:
   * FAILED_PRECONDITION (one is running, or the feature level is too low), NO_LEADER, DEADLINE_EXCEEDED. Where it may have
   * been written, its text names the append id.
   */
  async startScavenge(options: ScavengeOptions = {}): Promise<bigint> {
    const { point } = await this.say('the start of a scavenge', adminService.StartScavenge, options);
    this.session.seen.saw(point);
    return BigInt(point);
  }

  /** Ends the scavenge on every node that is still at it. Ends in FAILED_PRECONDITION where there is none. */
  async stopScavenge(options: ScavengeOptions = {}): Promise<void> {
    const { position } = await this.say('the stop of a scavenge', adminService.StopScavenge, options);
    this.session.seen.saw(position);
  }

  /** Asks every member how far it has come with the last scavenge. Ends in UNREACHABLE where not one answers. */
  async scavengeStatus(options: Pick<CallOptions, 'signal'> = {}): Promise<readonly ScavengeStatus[]> {
    const { members } = await this.cluster.status(options);
    return underSignals(this.session, options.signal, (signal) =>
      Promise.all(
        members.map(async (member) => {
          const { nodeId, address } = member;
          if (!member.reachable) return { nodeId, address, reachable: false as const, unreachable: member.unreachable };
          try {
            const node = this.session.nodes.add(address);
            const answer = await node.unary(adminService.ScavengeStatus, {}, { timeoutMs: PROBE_TIMEOUT_MS, signal });
            return { nodeId, address, reachable: true as const, ...figures(answer) };
          } catch (error) {
            return { nodeId, address, reachable: false as const, unreachable: asFactstoreError(error).message };
          }
        }),
      ),
    );
  }

  /** The id is made once for a call, so that another attempt, at whatever node, finds what the first one did. */
  private say<Response>(
    what: string,
    method: ClientMethod<{ appendId: Buffer }, Response>,
    options: ScavengeOptions,
  ): Promise<Response> {
    const appendId = Buffer.from(uuidOrNew('appendId', options.appendId));
    const identified = { ...options, appendId: uuidText(appendId) };
    return askForChange(this.session, what, identified, (node, limits) => node.unary(method, { appendId }, limits));
  }
}

const STATES: Readonly<Record<ScavengeStatusResponse__Output['state'], ScavengeState>> = {
  SCAVENGE_STATE_UNSPECIFIED: 'none',
  SCAVENGE_STATE_RUNNING: 'running',
  SCAVENGE_STATE_DONE: 'done',
  SCAVENGE_STATE_STOPPED: 'stopped',
};

function figures({ state, point, through, to, events, bytes, waitsFor }: ScavengeStatusResponse__Output) {
  return {
    state: STATES[state] ?? 'none',
    point: BigInt(point),
    through: BigInt(through),
    to: BigInt(to),
    events: BigInt(events),
    bytes: BigInt(bytes),
    waitsFor,
  };
}
