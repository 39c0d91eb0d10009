import { encodeUtf8 } from '../base/bytes.ts';
import { invalid, overLimit } from '../base/errors.ts';
import { LIMITS, PLACE_MAX } from '../model/limits.ts';
import type { StreamChange, StreamMetadata } from '../model/retention.ts';
import type { RevisionRange } from '../model/revision-ranges.ts';
import { checkStreamName, refuseSystemName } from '../model/stream.ts';

/** What a fact takes beside the metadata: its names and the figures that follow. */
const FACT_BYTES = 512;
const MAX_AGE_MS_MAX = Math.floor(PLACE_MAX / 1000);

/** Ends in INVALID_ARGUMENT unless the change makes sense; gives how many bytes its fact may take. */
export function checkChange(change: StreamChange): number {
  checkStreamName('change.stream', change.stream);
  refuseSystemName('change.stream', change.stream);
  if (change.kind === 'erase') checkRange('change.erase', change);
  return FACT_BYTES + (change.kind === 'metadata' ? checkMetadata('change.metadata', change.metadata) : 0);
}

function checkRange(field: string, { from, to }: RevisionRange): void {
  if (to <= from)
    throw invalid(`${field}.to`, `is ${to}, which leaves nothing from revision ${from} on: it is exclusive`);
}

function checkMetadata(field: string, { maxAgeMs, acl, custom }: StreamMetadata): number {
  if (maxAgeMs === 0)
    throw invalid(`${field}.max_age_ms`, 'is 0, and would hide what was just appended; 1 is the least');
  if (maxAgeMs !== undefined && maxAgeMs > MAX_AGE_MS_MAX) {
    throw overLimit(`${field}.max_age_ms`, MAX_AGE_MS_MAX, maxAgeMs, 'milliseconds');
  }
  const bytes = checkObject(`${field}.acl`, acl) + checkObject(`${field}.custom`, custom);
  const limit = LIMITS.streamMetadataBytesMax;
  if (bytes > limit) throw overLimit(custom === undefined ? `${field}.acl` : `${field}.custom`, limit, bytes, 'bytes');
  return bytes;
}

/** Ends in INVALID_ARGUMENT unless it is the text of a JSON object, or missing; gives its bytes. */
function checkObject(field: string, text: string | undefined): number {
  if (text === undefined) return 0;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(field, `is not JSON: ${(error as Error).message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalid(field, 'is no JSON object');
  return encodeUtf8(text).length;
}
