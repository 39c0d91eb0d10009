import { randomUUID } from 'node:crypto';
import { uuidBytes, uuidText } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import {
  checkProjectionChange,
  checkProjectionName,
  factData,
  noProjection,
  PROJECTION_FACTS,
  type Projection,
  type ProjectionChange,
  refusalOf,
} from '../model/projection.ts';
import { encodeAppendRequest } from '../proto/append-request.ts';
import { decodeAppendResponse } from '../proto/append-response.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { EmitterPorts } from './emitter.ts';
import type { Program } from './program.ts';
import type { ProjectionRegistry } from './registry.ts';

export interface ChangePorts extends Pick<EmitterPorts, 'openRoute'> {
  readonly registry: ProjectionRegistry;
  openProgram(source: string): Promise<Program>;
  /** Resolves once this node has applied all that was committed when it was asked. */
  linearize(signal: Signal): Promise<void>;
  /** Resolves once this node has applied a position. */
  reached(position: number, signal: Signal): Promise<void>;
}

/** A change that is in the log. */
export interface ChangedProjection {
  readonly position: number;
  readonly generation: number;
  readonly repeated: boolean;
}

/** How often a change is decided anew because another one came first. */
const ATTEMPTS_MAX = 10;
const DEADLINE_MS = 10_000;

/**
 * Changes projections, from any node. What a change means is decided here, on the facts that are known; it becomes one
 * append that the leader accepts only right behind them, so of two changes at once one decides anew.
 */
export class ProjectionChanges {
  private readonly ports: ChangePorts;

  constructor(ports: ChangePorts) {
    this.ports = ports;
  }

  /**
   * `appendId`: 16 bytes, or none. Nothing is written where the projection, as it is then, no longer is what `stands` wants.
   * Ends in the reason why the change cannot be made; then nothing was written.
   */
  async make(
    name: string,
    wanted: ProjectionChange,
    appendId: Uint8Array,
    signal: Signal,
    stands: (known: Projection) => boolean = () => true,
  ): Promise<ChangedProjection> {
    checkProjectionName('name', name);
    checkProjectionChange('projection', wanted);
    if (appendId.length !== 0 && appendId.length !== 16) throw invalid('append_id', 'is not a UUID of 16 bytes');
    if (wanted.kind === 'create' || wanted.kind === 'update')
      await (await this.ports.openProgram(wanted.source)).close();
    const id = appendId.length === 16 ? appendId : (uuidBytes(randomUUID()) as Uint8Array);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt++) {
      await this.ports.linearize(signal);
      const known = this.ports.registry.find(name);
      if (known?.lastChange === uuidText(id)) return { ...placeOf(known), repeated: true };
      if (known && !stands(known)) return { ...placeOf(known), repeated: true };
      const refusal = refusalOf(known, name, wanted);
      if (refusal) throw refusal;
      if (known && isAsIs(known, wanted)) return { ...placeOf(known), repeated: true };
      const made = await this.append(name, wanted, known?.facts ?? 0, id, signal);
      if (made) return made;
    }
    const text = `projection ${JSON.stringify(name)} was changed by others each time. Nothing was written; try again`;
    throw new FactstoreError('CONFLICT', text, { projection: name });
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
    // Whoever asks this node next finds what was changed.
    await this.ports.reached(outcome.position, signal);
    const { registry } = this.ports;
    const known = registry.find(name);
    if (!known) throw noProjection(name);
    return { position: outcome.position, generation: generationOf(known), repeated: outcome.repeated };
  }
}

function placeOf(projection: Projection) {
  return { position: projection.position, generation: generationOf(projection) };
}

function generationOf({ building, active }: Projection): number {
  return (building ?? active).generation;
}

/** To enable is never in vain: on some node it may stand still by a fault, which only that node knows. */
function isAsIs({ enabled }: Projection, { kind }: ProjectionChange): boolean {
  return kind === 'disable' && !enabled;
}
