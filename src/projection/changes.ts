import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { decodeUtf8, uuidBytes } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { appendIdReused } from '../model/append.ts';
import {
  changeOfFact,
  checkProjectionChange,
  checkProjectionName,
  type ErrorPolicy,
  factData,
  noProjection,
  PROJECTION_FACTS,
  type Projection,
  type ProjectionChange,
  refusalOf,
  streamOfProjection,
} from '../model/projection.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import { decodeRecordedEvent } from '../proto/event.ts';
import type { Clock } from '../runtime/clock.ts';
import { Turnstile } from '../runtime/turnstile.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { EmitterPorts } from './emitter.ts';
import type { Program } from './program.ts';
import type { ProjectionRegistry } from './registry.ts';

export interface ChangePorts extends Pick<EmitterPorts, 'openRoute'> {
  readonly registry: ProjectionRegistry;
  readonly clock: Clock;
  openProgram(source: string): Promise<Program>;
  /** Resolves once this node has applied all that was committed when it was asked. */
  linearize(signal: Signal): Promise<void>;
  /** Resolves once this node has applied a position. */
  reached(position: number, signal: Signal): Promise<void>;
  /** The first event that this node has applied under an append id, a RecordedEvent, as far as ids are remembered (rule S6). */
  appended(id: Uint8Array): Promise<Uint8Array | undefined>;
  /** A projection as it was right behind its fact of this revision. */
  asOf(name: string, revision: number): Promise<Projection | undefined>;
}

/** A change as somebody asks for it. */
export type WantedChange =
  | Exclude<ProjectionChange, { readonly kind: 'create' | 'update' }>
  | {
      readonly kind: 'create' | 'update';
      readonly source: string;
      /** Unless it is given: of a new one `fault`, in an update as it is. */
      readonly onError?: ErrorPolicy | undefined;
    };

/** A change that is in the log. */
export interface ChangedProjection {
  readonly position: number;
  readonly generation: number;
  readonly repeated: boolean;
}

/** How often a change is decided anew because another one came first. */
const ATTEMPTS_MAX = 10;
const DEADLINE_MS = 10_000;
/** So many sources are run at a time, each in a thread with a WebAssembly module of its own; so many more may wait for that. */
const CHECKS_AT_A_TIME = 2;
const CHECKS_QUEUED_MAX = 64;
/** Longer than any of them takes, as a sandbox that gives no sign of life is ended: none goes on without its place. */
const CHECK_PATIENCE_MS = 60_000;

/**
 * Changes projections, from any node. What a change means is decided here, on the facts that are known; it becomes one
 * append that the leader accepts only right behind them, so of two changes at once one decides anew.
 */
export class ProjectionChanges {
  private readonly ports: ChangePorts;
  private readonly checks: Turnstile;

  constructor(ports: ChangePorts) {
    this.ports = ports;
    this.checks = new Turnstile(CHECKS_AT_A_TIME, ports.clock, CHECK_PATIENCE_MS);
  }

  /**
   * `appendId`: 16 bytes, or none. Nothing is written where the projection, as it is then, no longer is what `stands` wants.
   * Ends in the reason why the change cannot be made; then nothing was written.
   */
  async make(
    name: string,
    wanted: WantedChange,
    appendId: Uint8Array,
    signal: Signal,
    stands: (known: Projection) => boolean = () => true,
  ): Promise<ChangedProjection> {
    checkProjectionName('name', name);
    checkProjectionChange('projection', settled(wanted));
    if (appendId.length !== 0 && appendId.length !== 16) throw invalid('append_id', 'is not a UUID of 16 bytes');
    const id = appendId.length === 16 ? appendId : (uuidBytes(randomUUID()) as Uint8Array);
    let unchecked = 'source' in wanted ? wanted.source : undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt++) {
      await this.ports.linearize(signal);
      const known = this.ports.registry.find(name);
      // First of all (rule S6), and behind that look: what this does not find is not among the facts that are known either.
      const first = await this.ports.appended(id);
      if (first) return this.repeat(first, name, wanted, id);
      if (known && !stands(known)) return { ...placeOf(known), repeated: true };
      const refusal = refusalOf(known, name, settled(wanted));
      if (refusal) throw refusal;
      if (known && isAsIs(known, wanted)) return { ...placeOf(known), repeated: true };
      if (unchecked !== undefined) await this.check(unchecked, signal);
      unchecked = undefined;
      // What has changed meanwhile makes the append a conflict, and is looked at then.
      const change = settled(wanted, wanted.kind === 'update' ? known?.active.onError : undefined);
      const made = await this.append(name, change, known?.facts ?? 0, id, signal).catch((error: unknown) => {
        // Another attempt of this change may have been quicker, on other facts. The next look tells.
        if (isReuse(error) && attempt < ATTEMPTS_MAX) return undefined;
        throw error;
      });
      if (made) return made;
    }
    const text = `projection ${JSON.stringify(name)} was changed by others each time. Nothing was written; try again`;
    throw new FactstoreError('CONFLICT', text, { projection: name });
  }

  /** Runs a source once, and ends in what is wrong with it. */
  private async check(source: string, signal: Signal): Promise<void> {
    if (this.checks.queued >= CHECKS_QUEUED_MAX) {
      const text = `${CHECKS_QUEUED_MAX} changes of projections wait on this node to have their programs checked. Nothing was written; try again in a few seconds, with fewer at a time`;
      throw new FactstoreError('OVERLOADED', text);
    }
    const checked = this.checks.through(async () => {
      // Whoever waits no longer needs no thread.
      if (!signal.aborted) await (await this.ports.openProgram(source)).close();
    });
    await untilAborted(checked, signal);
  }

  /** Undefined: another change came first. */
  private async append(
    name: string,
    change: ProjectionChange,
    facts: number,
    id: Uint8Array,
    signal: Signal,
  ): Promise<ChangedProjection | undefined> {
    const request = encodeAppendRequest({
      appendId: id,
      writes: [],
      projection: { name, facts, type: PROJECTION_FACTS[change.kind], data: factData(change) },
    });
    const answer = await untilAborted(this.ports.openRoute().append(request, DEADLINE_MS), signal);
    const outcome = decodeAppendResponse(answer);
    if (outcome.kind === 'conflict') return undefined;
    const { position, repeated } = outcome;
    // Whoever asks this node next finds what was changed.
    await this.ports.reached(position, signal);
    return { position, generation: await this.generationAt(name, facts), repeated };
  }

  /** The answer of the first attempt, whatever has become of the projection since; or the id was another change's. */
  private async repeat(
    event: Uint8Array,
    name: string,
    wanted: WantedChange,
    id: Uint8Array,
  ): Promise<ChangedProjection> {
    const { stream, type, data, position, revision } = decodeRecordedEvent(event);
    const change = stream === streamOfProjection(name) ? changeOfFact(type, decodeUtf8(data) ?? '') : undefined;
    const policy = change && 'onError' in change ? change.onError : undefined;
    if (!isDeepStrictEqual(change, settled(wanted, policy))) throw appendIdReused(id);
    return { position, generation: await this.generationAt(name, revision), repeated: true };
  }

  /** What a change has begun, or left to answer: a later one may have come right behind it. */
  private async generationAt(name: string, revision: number): Promise<number> {
    const known = this.ports.registry.find(name);
    const then = known?.facts === revision + 1 ? known : await this.ports.asOf(name, revision);
    if (!then) throw noProjection(name);
    return generationOf(then);
  }
}

/** The change that is meant where `policy` is what an error policy that is not named stands for. */
function settled(wanted: WantedChange, policy: ErrorPolicy = 'fault'): ProjectionChange {
  if (!('source' in wanted)) return wanted;
  const { kind, source, onError = policy } = wanted;
  return { kind, source, onError };
}

function isReuse(error: unknown): boolean {
  return error instanceof FactstoreError && error.code === 'APPEND_ID_REUSED';
}

function placeOf(projection: Projection) {
  return { position: projection.position, generation: generationOf(projection) };
}

function generationOf({ building, active }: Projection): number {
  return (building ?? active).generation;
}

/** To enable is never in vain: on some node it may stand still by a fault, which only that node knows. */
function isAsIs({ enabled }: Projection, { kind }: WantedChange): boolean {
  return kind === 'disable' && !enabled;
}
