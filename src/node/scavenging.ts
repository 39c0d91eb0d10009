import { FactstoreError } from '../base/errors.ts';
import type { Database } from '../database/database.ts';
import type { Facts } from '../database/facts.ts';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED, SCAVENGES_STREAM } from '../model/scavenge-fact.ts';
import type { Scavenger, ScavengeStatus } from '../scavenge/scavenger.ts';
import type { Leadership } from '../server/append-routing.ts';
import type { EventIndex } from '../storage/index/event-index.ts';

export interface ScavengingPorts {
  readonly scavenger: Scavenger;
  readonly facts: Facts;
  readonly index: Pick<EventIndex, 'lookup'>;
  readonly database: Database;
  readonly leadership: Leadership;
}

/** Starts and stops scavenges, on the leader: by facts, which every node then acts on by itself (rule R2). */
export class Scavenging {
  private readonly ports: ScavengingPorts;

  constructor(ports: ScavengingPorts) {
    this.ports = ports;
  }

  /** How far this node has come with the last one. */
  get status(): ScavengeStatus {
    return this.ports.scavenger.status;
  }

  /** Whether what memory holds of an entry may be more than the log still has. */
  mayHaveReplaced(logIndex: number): boolean {
    return this.ports.scavenger.mayHaveReplaced(logIndex);
  }

  /** Resolves with the scavenge point once every node is bound to come to it. */
  async start(): Promise<number> {
    return this.say(SCAVENGE_STARTED, () => {
      const { state, point, through, to } = this.status;
      if (state !== 'running') return undefined;
      return `a scavenge is running already, up to position ${point}: the leader is at log entry ${through} of ${to || '?'}. Wait until it is done, or stop it`;
    });
  }

  /** Resolves with the position of the fact. */
  async stop(): Promise<number> {
    return this.say(SCAVENGE_STOPPED, () =>
      this.status.state === 'none' || this.status.state === 'stopped' ? 'no scavenge is running' : undefined,
    );
  }

  close(): Promise<void> {
    return this.ports.scavenger.stop();
  }

  private async say(kind: string, refusal: () => string | undefined): Promise<number> {
    const { leadership, facts, index, database } = this.ports;
    if (!leadership.leads) throw leadership.leader === undefined ? leadership.noLeader() : leadership.notLeader();
    facts.checkLevel(kind);
    const { revision } = (await index.lookup([SCAVENGES_STREAM])).head(SCAVENGES_STREAM);
    const reason = refusal();
    if (reason !== undefined) throw refused(reason);
    // Of two at the same moment, only one finds the stream as it was.
    const expect = revision < 0 ? ({ kind: 'none' } as const) : ({ kind: 'revision', revision } as const);
    const outcome = await facts.write(database.openLane(true), SCAVENGES_STREAM, { kind, data: {} }, expect);
    if (outcome.kind === 'conflict') throw refused('somebody else has started or stopped one at the same moment');
    return outcome.position;
  }
}

function refused(reason: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', `${reason}. Nothing was written.`);
}
