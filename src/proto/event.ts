import { EMPTY } from '../base/bytes.ts';
import { MessageReader } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';

/** The fields of a NewEvent. */
export interface NewEventFields {
  /** A UUID, 16 bytes. */
  readonly id: Uint8Array;
  readonly type: string;
  readonly data: Uint8Array;
  /** Empty means application/json. */
  readonly contentType: string;
  readonly metadata: Uint8Array;
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
  const writer = new MessageWriter(128 + event.type.length * 3 + event.data.length + event.metadata.length)
    .data(1, event.id)
    .text(2, event.type)
    .data(3, event.data)
    .text(4, event.contentType)
    .data(5, event.metadata);
  for (const tag of event.tags) writer.textAlways(6, tag);
  return writer.uint(7, event.schemaVersion).finish();
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
