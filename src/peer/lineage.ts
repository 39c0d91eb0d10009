import { bytesEqual } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import type { MessageReader } from '../proto/message-reader.ts';
import type { MessageWriter } from '../proto/message-writer.ts';
import { id16 } from './codec.ts';

/** A cluster that goes on with the log of others, which had lost their majority (rule R3). */
export interface Lineage {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** The clusters before it, the one that was founded first. */
  readonly ancestors: readonly Ancestor[];
}

export interface Ancestor {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** The last position that was taken over from it. */
  readonly position: number;
}

/** A cluster from whose log another one goes on; undefined: it is none of those. */
export function ancestorOf(lineage: Lineage | undefined, clusterId: Uint8Array): Ancestor | undefined {
  return lineage?.ancestors.find((ancestor) => bytesEqual(ancestor.clusterId, clusterId));
}

/**
 * What a node of a cluster knows of where that comes from. A log that it is still getting may tell, until it has come to the entry
 * that began the cluster, of one of those before: as if that were this one, which it says nothing of.
 */
export function lineageOf(clusterId: Uint8Array, told: Lineage | undefined): Lineage {
  return told && bytesEqual(told.clusterId, clusterId) ? told : { clusterId, ancestors: [] };
}

/** The last position up to which the history of one cluster is that of another, too; 0: nothing is known of it. */
export function sharedUpTo(lineage: Lineage, clusterId: Uint8Array): number {
  if (bytesEqual(lineage.clusterId, clusterId)) return Number.MAX_SAFE_INTEGER;
  const at = lineage.ancestors.findIndex((ancestor) => bytesEqual(ancestor.clusterId, clusterId));
  // One that came later may have taken over less.
  return at < 0 ? 0 : Math.min(...lineage.ancestors.slice(at).map(({ position }) => position));
}

const LineageField = { clusterId: 1, ancestor: 2 } as const;
const AncestorField = { clusterId: 1, position: 2 } as const;

export function writeLineage(writer: MessageWriter, { clusterId, ancestors }: Lineage): void {
  writer.data(LineageField.clusterId, clusterId);
  for (const { clusterId: id, position } of ancestors)
    writer.nested(LineageField.ancestor, (nested) =>
      nested.data(AncestorField.clusterId, id).uint(AncestorField.position, position),
    );
}

export function decodeLineage(reader: MessageReader): Lineage {
  const ancestors: Ancestor[] = [];
  let clusterId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === LineageField.clusterId) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === LineageField.ancestor)
      ancestors.push(decodeAncestor(reader.nested(`ancestors[${ancestors.length}]`, 'Ancestor')));
  }
  if (!clusterId) throw invalid(`${reader.path}cluster_id`, 'is missing');
  return { clusterId, ancestors };
}

function decodeAncestor(reader: MessageReader): Ancestor {
  let clusterId: Uint8Array | undefined;
  let position = 0;
  while (reader.next()) {
    if (reader.field === AncestorField.clusterId) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === AncestorField.position) position = reader.uint('position');
  }
  if (!clusterId) throw invalid(`${reader.path}cluster_id`, 'is missing');
  return { clusterId, position };
}
