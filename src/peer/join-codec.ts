import { invalid } from '../base/errors.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import { id16OrNone } from './codec.ts';
import { type Admission, decodeMember, type FoundingMember, writeMember } from './founding-codec.ts';

/** A node asks to become a member. */
export interface JoinRequest {
  readonly node: FoundingMember;
  /** The cluster that its directory belongs to, 16 bytes; empty: none. */
  readonly clusterId: Uint8Array;
  readonly knownFeatureLevel: number;
}

/** What has become of it. */
export interface JoinResponse extends Admission {
  readonly voter: boolean;
  /** Where peers reach the leader, where another node leads; empty otherwise. */
  readonly leader: string;
  /** What it waits for, in words. */
  readonly waits: string;
}

export function encodeJoinRequest({ node, clusterId, knownFeatureLevel }: JoinRequest): Buffer {
  const writer = new MessageWriter().nested(1, (nested) => writeMember(nested, node));
  return writer.data(2, clusterId).uint(3, knownFeatureLevel).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not such a request. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = new MessageReader('JoinRequest', bytes);
  let node: FoundingMember | undefined;
  let clusterId: Uint8Array = new Uint8Array(0);
  let knownFeatureLevel = 0;
  while (reader.next()) {
    if (reader.field === 1) node = decodeMember(reader.nested('node', 'FoundingMember'));
    else if (reader.field === 2) clusterId = Uint8Array.from(reader.data('cluster_id'));
    else if (reader.field === 3) knownFeatureLevel = reader.uint('known_feature_level');
  }
  if (!node) throw invalid('node', 'is missing');
  if (node.peerAddress === '') throw invalid('node.peer_address', 'is missing');
  return { node, clusterId, knownFeatureLevel };
}

export function encodeJoinResponse({ record, clusterId, voter, leader, waits }: JoinResponse): Buffer {
  const writer = new MessageWriter().data(1, record).bool(2, voter).text(3, leader).text(4, waits);
  return writer.data(5, clusterId).finish();
}

export function decodeJoinResponse(bytes: Uint8Array): JoinResponse {
  const reader = new MessageReader('JoinResponse', bytes);
  const answer = { voter: false, leader: '', waits: '' };
  let record: Uint8Array = new Uint8Array(0);
  let clusterId: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.field === 1) record = Uint8Array.from(reader.data('record'));
    else if (reader.field === 2) answer.voter = reader.bool('voter');
    else if (reader.field === 3) answer.leader = reader.text('leader');
    else if (reader.field === 4) answer.waits = reader.text('waits');
    else if (reader.field === 5) clusterId = id16OrNone(reader, 'cluster_id');
  }
  return { ...answer, record, clusterId };
}
