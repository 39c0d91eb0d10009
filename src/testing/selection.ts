import { matchesQuery } from '../model/query.ts';
import type { ProgramDescription, ProgramEvent } from '../projection/program.ts';
import { deletedBy, Selection } from '../projection/selection.ts';

/** Chooses, out of all events of a store, those that a node would give the projection; undefined: not this one. */
export function selectionOf(description: ProgramDescription): (event: ProgramEvent) => ProgramEvent | undefined {
  const selection = new Selection(description);
  const { query } = selection;
  return (event) => {
    const kind = selection.kindOf(event.stream, event.type);
    if (!kind || (query && !matchesQuery(query, event))) return undefined;
    return kind === 'deleted' ? { ...event, stream: deletedBy(event.stream), kind } : event;
  };
}
