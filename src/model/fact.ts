import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
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
export const FEATURE_LEVEL = 1;

export const FEATURES_STREAM = '$features';
export const LEVEL_RAISED = '$FeatureLevelRaised';

/** The kinds of facts, with the feature level from which on each may be written. */
export const FACT_KINDS: Readonly<Record<string, number>> = { [LEVEL_RAISED]: 1 };

export interface Fact {
  readonly kind: string;
  /** JSON. */
  readonly data: unknown;
}

const Field = { id: 1, type: 2, data: 3 } as const;

/** A fact as a NewEvent (proto/factstore/v1/events.proto). `id` has 16 bytes. */
export function encodeFact(id: Uint8Array, { kind, data }: Fact): Uint8Array {
  const fields = [
    [Field.id, id],
    [Field.type, encodeUtf8(kind)],
    [Field.data, encodeUtf8(JSON.stringify(data))],
  ] as const;
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
  const reader = new FieldReader(event);
  let kind = '';
  let data: string | undefined = '';
  while (reader.next()) {
    if (reader.wireType !== WireType.bytes) continue;
    if (reader.field === Field.type) kind = decodeUtf8(event, reader.start, reader.stop) ?? '';
    else if (reader.field === Field.data) data = decodeUtf8(event, reader.start, reader.stop);
  }
  try {
    return { kind, data: JSON.parse(data ?? '') };
  } catch {
    return undefined;
  }
}
