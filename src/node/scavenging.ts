import { randomUUID } from 'node:crypto';
import { uuidBytes } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import type { Database } from '../database/database.ts';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED, type ScavengeWord } from '../model/scavenge-fact.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { Scavenger, ScavengeStatus } from '../scavenge/scavenger.ts';
import type { ScavengeFact } from '../server/admin-service.ts';
import type { AppendRoute } from '../server/append-routing.ts';
import type { EntryRecord } from '../storage/record.ts';

export interface ScavengingPorts {
  readonly scavenger: Scavenger;
  readonly database: Pick<Database, 'head'>;
  openRoute(): AppendRoute;
}

const DEADLINE_MS = 10_000;

/**
 * Starts and stops scavenges, from any node: by facts, which every node then acts on by itself (rule R2). Each is an append
 * like any other, so a follower forwards it (rule S9), and a repeat under its append id finds the first (rule S6).
 */
export class Scavenging {
  private readonly ports: ScavengingPorts;

  constructor(ports: ScavengingPorts) {
    this.ports = ports;
  }

  /** How far this node has come with the last one. */
  get status(): ScavengeStatus {
    return this.ports.scavenger.status;
  }

  get erasures(): Scavenger['erasures'] {
    return this.ports.scavenger.erasures;
  }

  /** Entries were applied. */
  met(records: readonly EntryRecord[]): void {
    this.ports.scavenger.met(records);
  }

  /** Whether what memory holds of an entry may be more than the log still has. */
  mayHaveReplaced(logIndex: number): boolean {
    return this.ports.scavenger.mayHaveReplaced(logIndex);
  }

  /** Resolves once every node is bound to come to it, and this one has. `appendId`: 16 bytes, or none. */
  async say(word: ScavengeWord, appendId: Uint8Array, signal: Signal): Promise<ScavengeFact> {
    if (appendId.length !== 0 && appendId.length !== 16) throw invalid('append_id', 'is not a UUID of 16 bytes');
    const id = appendId.length === 16 ? appendId : (uuidBytes(randomUUID()) as Uint8Array);
    const request = encodeAppendRequest({ appendId: id, writes: [], scavenge: word });
    const answer = await untilAborted(this.ports.openRoute().append(request, DEADLINE_MS), signal);
    const outcome = decodeAppendResponse(answer);
    if (outcome.kind !== 'appended') throw new FactstoreError('INTERNAL', 'a fact about scavenges expects nothing');
    const { position, repeated } = outcome;
    // Whoever asks this node next finds what was said.
    await this.ports.database.head({ kind: 'atLeast', position }, signal);
    return { position, repeated };
  }

  /** On the leader, where it is judged: why a fact about scavenges makes no sense now; undefined: it does, or is none. */
  refusalOf(kind: string, another: boolean): FactstoreError | undefined {
    if (kind !== SCAVENGE_STARTED && kind !== SCAVENGE_STOPPED) return undefined;
    const { state, point, through, to } = this.status;
    const { canBeStopped } = this.ports.scavenger;
    if (another) return refused('another one is being started or stopped at this moment. Try again', { state });
    if (kind === SCAVENGE_STOPPED) {
      if (canBeStopped) return undefined;
      const goesOn = `the last one was stopped already. The one before it, up to position ${point}, others are through with, so this node does it, too`;
      return refused(state === 'running' ? goesOn : 'none is running', { state });
    }
    if (state !== 'running') return undefined;
    const text = `one is running already, up to position ${point}: the leader is at log entry ${through} of ${to || '?'}. Wait until it is done${canBeStopped ? ', or stop it' : ''}`;
    return refused(text, { state, point, through, to });
  }

  close(): Promise<void> {
    return this.ports.scavenger.stop();
  }
}

function refused(reason: string, details: Record<string, unknown>): FactstoreError {
  const field = 'scavenge';
  return new FactstoreError('FAILED_PRECONDITION', `${field}: ${reason}. Nothing was written.`, { field, ...details });
}
