import { invalid } from '../base/errors.ts';
import type { Write } from '../model/append.ts';
import { encodeFactTexts } from '../model/fact.ts';
import { changeOfFact, checkProjectionChange, checkProjectionName, streamOfProjection } from '../model/projection.ts';

/** A change of a projection as it arrived: the fact that it is to become. */
export interface NamedProjectionChange {
  readonly name: string;
  /** How many facts of this name its author knew. */
  readonly facts: number;
  readonly type: string;
  /** JSON. */
  readonly data: string;
}

/** Ends in INVALID_ARGUMENT unless the change makes sense and is one that this version understands. */
export function checkProjectionFact(field: string, { name, type, data }: NamedProjectionChange): void {
  checkProjectionName(`${field}.name`, name);
  const change = changeOfFact(type, data);
  if (!change) throw invalid(field, `is no change of a projection: ${JSON.stringify(type.slice(0, 80))}`);
  checkProjectionChange(field, change);
}

/**
 * The write that a change becomes: one fact, right behind those that its author knew. So whoever decides on a change need
 * not be the leader; what was decided on something else is refused as a conflict.
 */
export function projectionWrite(
  id: Uint8Array,
  { name, facts, type, data }: NamedProjectionChange,
): { readonly fact: string; readonly write: Write; readonly eventBytes: number } {
  const event = encodeFactTexts(id, { kind: type, data });
  const expect = facts === 0 ? ({ kind: 'none' } as const) : ({ kind: 'revision', revision: facts - 1 } as const);
  return {
    fact: type,
    write: { stream: streamOfProjection(name), expect, events: [event] },
    eventBytes: event.length,
  };
}
