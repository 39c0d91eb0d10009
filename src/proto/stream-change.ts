import { invalid } from '../base/errors.ts';
import type { ChangeKind, StreamChange, StreamMetadata } from '../model/retention.ts';
import type { RevisionRange } from '../model/revision-ranges.ts';
import type { MessageReader } from './message-reader.ts';
import type { MessageWriter } from './message-writer.ts';

/** StreamChange and StreamMetadata of events.proto. */

const Field = { stream: 1, metadata: 2, truncateBefore: 3, delete: 4, tombstone: 5, erase: 6 } as const;

export function writeStreamChange(writer: MessageWriter, change: StreamChange): void {
  writer.text(Field.stream, change.stream);
  switch (change.kind) {
    case 'metadata':
      writer.nested(Field.metadata, (nested) => writeStreamMetadata(nested, change.metadata));
      return;
    case 'truncate':
      writer.uintAlways(Field.truncateBefore, change.before);
      return;
    case 'erase':
      writer.nested(Field.erase, (nested) => nested.uintAlways(1, change.from).uintAlways(2, change.to));
      return;
    case 'delete':
      writer.bool(Field.delete, true);
      return;
    case 'tombstone':
      writer.bool(Field.tombstone, true);
      return;
  }
}

/** Ends in INVALID_ARGUMENT where the message does not say exactly one thing. */
export function decodeStreamChange(reader: MessageReader): StreamChange {
  let stream = '';
  let change: ChangeKind | undefined;
  const only = (next: ChangeKind) => {
    if (change) throw invalid(`${reader.path}change`, 'says more than one thing; make one change at a time');
    change = next;
  };
  while (reader.next()) {
    if (reader.field === Field.stream) stream = reader.text('stream');
    else if (reader.field === Field.metadata) {
      only({ kind: 'metadata', metadata: decodeStreamMetadata(reader.nested('metadata', 'StreamMetadata')) });
    } else if (reader.field === Field.truncateBefore) {
      only({ kind: 'truncate', before: reader.uint('truncate_before') });
    } else if (reader.field === Field.delete) {
      if (reader.bool('delete')) only({ kind: 'delete' });
    } else if (reader.field === Field.tombstone) {
      if (reader.bool('tombstone')) only({ kind: 'tombstone' });
    } else if (reader.field === Field.erase) {
      only({ kind: 'erase', ...decodeRevisionRange(reader.nested('erase', 'RevisionRange')) });
    } else throw reader.foreign();
  }
  if (!change) throw invalid(`${reader.path}change`, 'is missing: say what is to become of the stream');
  return { ...change, stream };
}

function decodeRevisionRange(reader: MessageReader): RevisionRange {
  const range = { from: 0, to: 0 };
  while (reader.next()) {
    if (reader.field === 1) range.from = reader.uint('from');
    else if (reader.field === 2) range.to = reader.uint('to');
    else throw reader.foreign();
  }
  return range;
}

export function writeStreamMetadata(writer: MessageWriter, metadata: StreamMetadata): void {
  if (metadata.maxAgeMs !== undefined) writer.uintAlways(1, metadata.maxAgeMs);
  if (metadata.maxCount !== undefined) writer.uintAlways(2, metadata.maxCount);
  if (metadata.truncateBefore !== undefined) writer.uintAlways(3, metadata.truncateBefore);
  if (metadata.acl !== undefined) writer.text(4, metadata.acl);
  if (metadata.custom !== undefined) writer.text(5, metadata.custom);
}

export function decodeStreamMetadata(reader: MessageReader): StreamMetadata {
  const metadata: { -readonly [K in keyof StreamMetadata]: StreamMetadata[K] } = {};
  while (reader.next()) {
    if (reader.field === 1) metadata.maxAgeMs = reader.uint('max_age_ms');
    else if (reader.field === 2) metadata.maxCount = reader.uint('max_count');
    else if (reader.field === 3) metadata.truncateBefore = reader.uint('truncate_before');
    else if (reader.field === 4) metadata.acl = reader.text('acl') || undefined;
    else if (reader.field === 5) metadata.custom = reader.text('custom') || undefined;
    else throw reader.foreign();
  }
  return metadata;
}
