import { EMPTY } from '../base/bytes.ts';
import { FactstoreError, invalid } from '../base/errors.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import type { MemberId } from '../raft/types.ts';
import type { PeerMessage } from '../replica/ports.ts';
import { decodePart, inParts, PART_BYTES, type Part } from './message-parts.ts';
import {
  decodeRaft,
  ENTRIES_FIELD,
  encodeRaftHeader,
  entryFieldHeader,
  entryFieldLength,
  sealedEntries,
} from './raft-codec.ts';

/** The version of the peer protocol, the only one that is spoken. */
export const PROTOCOL_VERSION = 2;

/** The first message of every stream between nodes. */
export interface Greeting {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: string;
  /** 16 bytes. */
  readonly directoryId: Uint8Array;
  readonly incarnation: number;
  /** 16 bytes, new at every start of the process. */
  readonly processId: Uint8Array;
  readonly protocolVersion: number;
  /** The member that the sender means to reach. */
  readonly to: MemberId;
  /** In Messages: the call carries log ranges. */
  readonly bulk: boolean;
  /** The last log index on the sender's disk. */
  readonly logIndex: number;
  /** The cluster's feature level, as far as the sender has applied it, and the highest that the sender knows. */
  readonly featureLevel: number;
  readonly knownFeatureLevel: number;
  /** Log index of the newest membership entry on the sender's disk. */
  readonly membershipIndex: number;
  /** Where peers reach the sender. */
  readonly peerAddress: string;
}

/** What a stream of Messages carries. */
export type StreamMessage =
  | ({ readonly kind: 'part' } & Part)
  | { readonly kind: 'greeting'; readonly greeting: Greeting }
  | { readonly kind: 'raft'; readonly message: PeerMessage; readonly clockUs: number };

/** Names of the ends of a stream: the Raft messages on it do not repeat them. */
export interface Ends {
  readonly from: MemberId;
  readonly to: MemberId;
}

const GREETING = 1;
const RAFT = 2;
const PART = 3;

export function encodeGreetingMessage(greeting: Greeting): Buffer {
  return new MessageWriter().nested(GREETING, (nested) => writeGreeting(nested, greeting)).finish();
}

export function writeGreeting(writer: MessageWriter, greeting: Greeting): void {
  writer
    .data(1, greeting.clusterId)
    .text(2, greeting.nodeId)
    .data(3, greeting.directoryId)
    .uint(4, greeting.incarnation)
    .uint(5, greeting.protocolVersion)
    .text(6, greeting.to)
    .data(7, greeting.processId)
    .bool(8, greeting.bulk)
    .uint(9, greeting.logIndex)
    .uint(10, greeting.featureLevel)
    .uint(11, greeting.knownFeatureLevel)
    .uint(12, greeting.membershipIndex)
    .text(13, greeting.peerAddress);
}

/**
 * A Raft message as one PeerMessage or, where it is large, as its parts; entries are copied when their part is taken.
 * `clockUs` goes into heartbeats and their answers only.
 */
export function encodeRaftMessage(message: PeerMessage, clockUs: number): Iterable<Buffer> {
  const header = encodeRaftHeader(message, clockUs);
  const entries = message.type === 'append' ? sealedEntries(message.entries) : [];
  // The length is known before anything is written, so that each entry is copied once, straight to its place.
  let length = header.length;
  for (const bytes of entries) length += entryFieldLength(bytes);
  if (length <= PART_BYTES) {
    const writer = new MessageWriter(length + 16).dataHeader(RAFT, length).raw(header);
    for (const bytes of entries) writer.dataAlways(ENTRIES_FIELD, bytes);
    return [writer.finish()];
  }
  const head = new MessageWriter().dataHeader(RAFT, length).raw(header).finish();
  return inParts([head, ...entries.flatMap((bytes) => [entryFieldHeader(bytes), bytes])]);
}

/**
 * Ends in INVALID_ARGUMENT where the bytes are not a PeerMessage, in DATA_LOSS where an entry in it is damaged. Entries
 * are views into the bytes.
 */
export function decodeStreamMessage(bytes: Buffer, ends: Ends): StreamMessage {
  const reader = new MessageReader('PeerMessage', bytes);
  let found: StreamMessage | undefined;
  while (reader.next()) {
    if (reader.field !== GREETING && reader.field !== RAFT && reader.field !== PART) continue;
    if (found) throw invalid('message', 'is given twice in one PeerMessage');
    if (reader.field === GREETING) {
      found = { kind: 'greeting', greeting: decodeGreeting(reader.nested('greeting', 'Greeting')) };
    } else if (reader.field === PART) {
      found = { kind: 'part', ...decodePart(reader.nested('part', 'Part')) };
    } else {
      found = { kind: 'raft', ...decodeRaft(reader.nested('raft', 'RaftMessage'), bytes, ends) };
    }
  }
  if (!found) throw invalid('message', 'is missing in a PeerMessage, or is one that only a later version knows');
  return found;
}

export function decodeGreeting(reader: MessageReader): Greeting {
  let [clusterId, directoryId, processId]: Uint8Array[] = [];
  const levels = { featureLevel: 0, knownFeatureLevel: 0 };
  const place = { membershipIndex: 0, peerAddress: '' };
  const greeting = {
    nodeId: '',
    incarnation: 0,
    protocolVersion: 0,
    to: '',
    bulk: false,
    logIndex: 0,
    ...levels,
    ...place,
  };
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2) greeting.nodeId = reader.text('node_id');
    else if (reader.field === 3) directoryId = id16(reader, 'directory_id');
    else if (reader.field === 4) greeting.incarnation = reader.uint('incarnation');
    else if (reader.field === 5) greeting.protocolVersion = reader.uint('protocol_version');
    else if (reader.field === 6) greeting.to = reader.text('to');
    else if (reader.field === 7) processId = id16(reader, 'process_id');
    else if (reader.field === 8) greeting.bulk = reader.bool('bulk');
    else if (reader.field === 9) greeting.logIndex = reader.uint('log_index');
    else if (reader.field === 10) greeting.featureLevel = reader.uint('feature_level');
    else if (reader.field === 11) greeting.knownFeatureLevel = reader.uint('known_feature_level');
    else if (reader.field === 12) greeting.membershipIndex = reader.uint('membership_index');
    else if (reader.field === 13) greeting.peerAddress = reader.text('peer_address');
  }
  return {
    ...greeting,
    clusterId: present16(reader, 'cluster_id', clusterId),
    directoryId: present16(reader, 'directory_id', directoryId),
    processId: present16(reader, 'process_id', processId),
  };
}

/** A copy of a UUID of 16 bytes: it outlives the message that it came in. */
export function id16(reader: MessageReader, name: string): Uint8Array {
  return Uint8Array.from(present16(reader, name, reader.data(name)));
}

/** The same, or empty where there is none. */
export function id16OrNone(reader: MessageReader, name: string): Uint8Array {
  return reader.data(name).length === 0 ? EMPTY : id16(reader, name);
}

function present16(reader: MessageReader, name: string, value: Uint8Array | undefined): Uint8Array {
  if (value?.length === 16) return value;
  throw invalid(reader.path + name, `must be a UUID of 16 bytes, it has ${value?.length ?? 0}`);
}

/** The FactstoreError that a decoder threw; anything else that was thrown is a bug and goes on. */
export function decodeError(error: unknown): FactstoreError {
  if (error instanceof FactstoreError) return error;
  throw error;
}
