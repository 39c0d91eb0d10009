import { EMPTY } from '../base/bytes.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** The fields of a NewEvent. */
export interface NewEventFields {
  /** A UUID, 16 bytes. */
  readonly id: Uint8Array;
  readonly type: string;
  /** A text becomes UTF-8 where it is written. */
  readonly data: Uint8Array | string;
  /** Empty means application/json. */
  readonly contentType: string;
  readonly metadata: Uint8Array | string;
  readonly tags: readonly string[];
  /** 0 means 1. */
  readonly schemaVersion: number;
}

/** The fields of a RecordedEvent. Bytes are views into the message. */
export interface RecordedEventFields {
  id: Uint8Array;
  type: string;
  data: Uint8Array;
  contentType: string;
  metadata: Uint8Array;
  tags: string[];
  schemaVersion: number;
  stream: string;
  revision: number;
  position: number;
  createdUs: number;
}

export function encodeNewEvent(event: NewEventFields): Buffer {
  const writer = new MessageWriter(newEventSize(event));
  writeNewEvent(writer, event);
  return writer.finish();
}

export function writeNewEvent(writer: MessageWriter, event: NewEventFields): void {
  const { data, metadata } = event;
  writer.data(1, event.id).text(2, event.type);
  if (typeof data === 'string') writer.text(3, data);
  else writer.data(3, data);
  writer.text(4, event.contentType);
  if (typeof metadata === 'string') writer.text(5, metadata);
  else writer.data(5, metadata);
  for (const tag of event.tags) writer.textAlways(6, tag);
  writer.uint(7, event.schemaVersion);
}

/** About how many bytes an event takes: right where its texts are ASCII, as most are. */
export function newEventSize(event: NewEventFields): number {
  let size = 64 + event.type.length + event.data.length + event.metadata.length + event.contentType.length;
  for (const tag of event.tags) size += 6 + tag.length;
  return size;
}

/** Ends in INVALID_ARGUMENT where the bytes are not a RecordedEvent. */
export function decodeRecordedEvent(bytes: Uint8Array): RecordedEventFields {
  const event: RecordedEventFields = {
    id: EMPTY,
    type: '',
    data: EMPTY,
    contentType: '',
    metadata: EMPTY,
    tags: [],
    schemaVersion: 0,
    stream: '',
    revision: 0,
    position: 0,
    createdUs: 0,
  };
  const reader = new MessageReader('RecordedEvent', bytes);
  while (reader.next()) decodeField(event, reader);
  return event;
}

function decodeField(event: RecordedEventFields, reader: MessageReader): void {
  switch (reader.field) {
    case 1:
      event.id = reader.data('id');
      return;
    case 2:
      event.type = reader.text('type');
      return;
    case 3:
      event.data = reader.data('data');
      return;
    case 4:
      event.contentType = reader.text('content_type');
      return;
    case 5:
      event.metadata = reader.data('metadata');
      return;
    case 6:
      event.tags.push(reader.text('tags'));
      return;
    case 7:
      event.schemaVersion = reader.uint('schema_version');
      return;
    case 8:
      event.stream = reader.text('stream');
      return;
    case 9:
      event.revision = reader.uint('revision');
      return;
    case 10:
      event.position = reader.uint('position');
      return;
    case 11:
      event.createdUs = reader.uint('created_us');
      return;
  }
}
