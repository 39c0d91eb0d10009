import { toHex } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { id16, id16OrNone } from './codec.ts';

/** One founder, as the founding record names it. */
export interface FoundingMember {
  readonly nodeId: string;
  /** 16 bytes. */
  readonly directoryId: Uint8Array;
  /** Where clients reach it. */
  readonly address: string;
  /** Where peers reach it. */
  readonly peerAddress: string;
}

/** The record that begins a cluster: log entry 1 of every member. */
export interface FoundingRecord {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** In the order of their node ids. */
  readonly members: readonly FoundingMember[];
  readonly createdUs: number;
  /** The feature level with which the cluster begins. */
  readonly featureLevel: number;
}

/** Who a node says it is. */
export interface Identification extends FoundingMember {
  /** 16 bytes; empty: it belongs to no cluster yet. */
  readonly clusterId: Uint8Array;
  /** The members that its founding record names. */
  readonly members: readonly FoundingMember[];
  /** The highest feature level that it knows. */
  readonly knownFeatureLevel: number;
}

export function encodeFoundingRecord(record: FoundingRecord): Buffer {
  const writer = new MessageWriter().data(1, record.clusterId);
  for (const member of record.members) writer.nested(2, (nested) => writeMember(nested, member));
  return writer.uint(3, record.createdUs).uint(4, record.featureLevel).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not a founding record, whole and without contradictions. */
export function decodeFoundingRecord(bytes: Uint8Array): FoundingRecord {
  const reader = new MessageReader('FoundingRecord', bytes);
  const members: FoundingMember[] = [];
  let clusterId: Uint8Array | undefined;
  let createdUs = 0;
  let featureLevel = 0;
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2)
      members.push(decodeMember(reader.nested(`members[${members.length}]`, 'FoundingMember')));
    else if (reader.field === 3) createdUs = reader.uint('created_us');
    else if (reader.field === 4) featureLevel = reader.uint('feature_level');
    else throw reader.foreign();
  }
  if (!clusterId) throw invalid('cluster_id', 'is missing in a founding record');
  if (members.length === 0) throw invalid('members', 'a founding record names nobody');
  if (new Set(members.map((member) => member.nodeId)).size < members.length) {
    throw invalid('members', 'a founding record names one node id twice');
  }
  if (new Set(members.map((member) => toHex(member.directoryId))).size < members.length) {
    throw invalid('members', 'a founding record names one data directory twice');
  }
  if (featureLevel === 0) throw invalid('feature_level', 'is missing in a founding record');
  return { clusterId, members, createdUs, featureLevel };
}

export function writeMember(writer: MessageWriter, member: FoundingMember): void {
  writer.text(1, member.nodeId).data(2, member.directoryId).text(3, member.address).text(4, member.peerAddress);
}

export function decodeMember(reader: MessageReader): FoundingMember {
  const member = { nodeId: '', address: '', peerAddress: '' };
  let directoryId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) member.nodeId = reader.text('node_id');
    else if (reader.field === 2) directoryId = id16(reader, 'directory_id');
    else if (reader.field === 3) member.address = reader.text('address');
    else if (reader.field === 4) member.peerAddress = reader.text('peer_address');
  }
  if (member.nodeId === '') throw invalid(`${reader.path}node_id`, 'is missing');
  if (!directoryId) throw invalid(`${reader.path}directory_id`, 'is missing');
  return { ...member, directoryId };
}

export function encodeIdentifyRequest(nodeId: string): Buffer {
  return new MessageWriter().text(1, nodeId).finish();
}

/** The node id of the asking node. */
export function decodeIdentifyRequest(bytes: Uint8Array): string {
  const reader = new MessageReader('IdentifyRequest', bytes);
  let nodeId = '';
  while (reader.next()) if (reader.field === 1) nodeId = reader.text('node_id');
  return nodeId;
}

export function encodeIdentification(node: Identification): Buffer {
  const writer = new MessageWriter().text(1, node.nodeId).data(2, node.directoryId).data(3, node.clusterId);
  writer.text(4, node.address).text(5, node.peerAddress);
  for (const member of node.members) writer.nested(6, (nested) => writeMember(nested, member));
  return writer.uint(7, node.knownFeatureLevel).finish();
}

export function decodeIdentification(bytes: Uint8Array): Identification {
  const reader = new MessageReader('IdentifyResponse', bytes);
  const node = { nodeId: '', address: '', peerAddress: '', knownFeatureLevel: 0 };
  const members: FoundingMember[] = [];
  let clusterId: Uint8Array = new Uint8Array(0);
  let directoryId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) node.nodeId = reader.text('node_id');
    else if (reader.field === 2) directoryId = id16(reader, 'directory_id');
    else if (reader.field === 3) clusterId = id16OrNone(reader, 'cluster_id');
    else if (reader.field === 4) node.address = reader.text('address');
    else if (reader.field === 5) node.peerAddress = reader.text('peer_address');
    else if (reader.field === 6)
      members.push(decodeMember(reader.nested(`members[${members.length}]`, 'FoundingMember')));
    else if (reader.field === 7) node.knownFeatureLevel = reader.uint('known_feature_level');
  }
  if (node.nodeId === '') throw invalid('node_id', 'is missing in an IdentifyResponse');
  if (!directoryId) throw invalid('directory_id', 'is missing in an IdentifyResponse');
  return { ...node, directoryId, clusterId, members };
}

/** What makes a node a member. */
export interface Admission {
  /** The founding record, as it is stored; empty: it is no member (yet). */
  readonly record: Uint8Array;
  /** The cluster, where that is not the one of the founding record any more; empty: it is. */
  readonly clusterId: Uint8Array;
}

/** The cluster that a founding record, and an id beside it, make a node a member of. */
export function clusterOf({ record, clusterId }: Admission): Uint8Array {
  return clusterId.length > 0 ? clusterId : decodeFoundingRecord(record).clusterId;
}

export function encodeFoundRequest({ record, clusterId }: Admission): Buffer {
  return new MessageWriter(record.length + 32).data(1, record).data(2, clusterId).finish();
}

/** Copies, for they are kept. */
export function decodeFoundRequest(bytes: Uint8Array): Admission {
  const reader = new MessageReader('FoundRequest', bytes);
  let record: Uint8Array = new Uint8Array(0);
  let clusterId: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.field === 1) record = Uint8Array.from(reader.data('record'));
    else if (reader.field === 2) clusterId = id16OrNone(reader, 'cluster_id');
  }
  return { record, clusterId };
}
