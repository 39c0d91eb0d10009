import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { PROJECTION_FACTS } from './projection.ts';
import { FieldReader, varintLength, WireType, writeVarint } from './wire.ts';

/**
 * What the system itself writes into the log: facts, each an event of a system stream (rule S16).
 *
 * What they mean, and what formats, judging and visibility are, goes by the *feature level* of the cluster. It is a fact
 * itself: it stands in the founding record, and an event of `$features` raises it, once every member knows the new one.
 * So members of two versions agree at every place of the log on what is understood there.
 */

/**
 * The highest feature level that this version knows. Whatever older versions would not understand (a new kind of fact,
 * a new rule of judging or of visibility) is used from a new level on.
 */
export const FEATURE_LEVEL = 3;

export const FEATURES_STREAM = '$features';
export const LEVEL_RAISED = '$FeatureLevelRaised';

/** Tells of changes of the members, which themselves are entries of another type. */
export const MEMBERSHIP_STREAM = '$membership';
export const MEMBERS_CHANGED = '$membersChanged';

/** The kinds of facts, with the feature level from which on each may be written. */
export const FACT_KINDS: Readonly<Record<string, number>> = {
  [LEVEL_RAISED]: 1,
  $streamMetadata: 2,
  $streamTruncated: 2,
  $streamDeleted: 2,
  $streamTombstoned: 2,
  $eventsErased: 3,
  $scavengeStarted: 3,
  $scavengeStopped: 3,
  ...Object.fromEntries(Object.values(PROJECTION_FACTS).map((kind) => [kind, 3])),
  [MEMBERS_CHANGED]: 3,
};

export interface Fact {
  readonly kind: string;
  /** JSON. */
  readonly data: unknown;
}

const Field = { id: 1, type: 2, data: 3, metadata: 5 } as const;

/** A fact as a NewEvent (proto/factstore/v1/events.proto). `id` has 16 bytes. */
export function encodeFact(id: Uint8Array, { kind, data }: Fact): Uint8Array {
  return encodeFactTexts(id, { kind, data: JSON.stringify(data) });
}

/** The parts of a fact as texts, the last two in JSON. */
export interface FactTexts {
  readonly kind: string;
  readonly data: string;
  readonly metadata?: string | undefined;
}

/** The same, of texts that are JSON already. */
export function encodeFactTexts(id: Uint8Array, { kind, data, metadata }: FactTexts): Uint8Array {
  const fields: [number, Uint8Array][] = [
    [Field.id, id],
    [Field.type, encodeUtf8(kind)],
    [Field.data, encodeUtf8(data)],
  ];
  if (metadata !== undefined) fields.push([Field.metadata, encodeUtf8(metadata)]);
  const length = fields.reduce((sum, [, value]) => sum + 1 + varintLength(value.length) + value.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [field, value] of fields) {
    bytes[at++] = (field << 3) | WireType.bytes;
    at = writeVarint(bytes, at, value.length);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** The fact that an event is; undefined where its data is not JSON. */
export function decodeFact(event: Uint8Array): Fact | undefined {
  const texts = decodeFactTexts(event);
  try {
    return texts && { kind: texts.kind, data: JSON.parse(texts.data) };
  } catch {
    return undefined;
  }
}

/** The texts of a fact; undefined where one of them is not UTF-8. */
export function decodeFactTexts(event: Uint8Array, start = 0, end = event.length): FactTexts | undefined {
  const reader = new FieldReader(event, start, end);
  let [kind, data]: (string | undefined)[] = ['', ''];
  let metadata: string | undefined = '';
  while (reader.next()) {
    if (reader.wireType !== WireType.bytes) continue;
    const text = () => decodeUtf8(event, reader.start, reader.stop);
    if (reader.field === Field.type) kind = text();
    else if (reader.field === Field.data) data = text();
    else if (reader.field === Field.metadata) metadata = text();
  }
  if (kind === undefined || data === undefined || metadata === undefined) return undefined;
  return { kind, data, metadata };
}
