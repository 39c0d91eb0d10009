import { decodeUtf8 } from '../base/bytes.ts';
import { FieldReader, WireType } from './wire.ts';

/** The media type of an event that stands for another one. */
export const LINK_CONTENT_TYPE = 'application/vnd.factstore.link+json';

/** What a link names; without a revision, a whole stream. */
export interface Link {
  readonly stream: string;
  readonly revision?: number | undefined;
  readonly position?: number | undefined;
}

/** Why a link leads to no event: it is hidden by now or erased, it never was, or a whole stream is linked. */
export type DeadLink = 'hidden' | 'neverWritten' | 'wholeStream';

/** What a link leads to. */
export interface FollowedLink {
  /** The place of the link among the events that it was read with. */
  readonly at: number;
  /** The linked event, a RecordedEvent. */
  readonly target: Uint8Array | DeadLink;
}

/** The data of a link. */
export function linkText({ stream, revision, position }: Link): string {
  return JSON.stringify({ stream, revision, position });
}

/** The fields of a RecordedEvent that a link is told by. */
const Field = { data: 3, contentType: 4 } as const;

/**
 * More than the data of any link takes, also where each byte of the longest name is written as "\u0078". Anybody may say of 16
 * MiB that they are a link: to parse them took a second, and with the event that they named they made a message that no
 * client took, so that a subscription ended there for good.
 */
const LINK_BYTES_MAX = 8 << 10;

/** The link in the bytes of a RecordedEvent; undefined: it is none, or names nothing that could be. */
export function linkOf(event: Uint8Array): Link | undefined {
  const reader = new FieldReader(event);
  let isLink = false;
  let [start, stop] = [0, 0];
  while (reader.next()) {
    if (reader.wireType !== WireType.bytes) continue;
    if (reader.field === Field.contentType) {
      isLink = decodeUtf8(event, reader.start, reader.stop) === LINK_CONTENT_TYPE;
      if (!isLink) return undefined;
    } else if (reader.field === Field.data) [start, stop] = [reader.start, reader.stop];
  }
  if (!isLink || stop - start > LINK_BYTES_MAX) return undefined;
  const text = decodeUtf8(event, start, stop);
  return text === undefined ? undefined : parsed(text);
}

function parsed(text: string): Link | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { stream, revision, position } = fields;
  if (typeof stream !== 'string' || stream === '') return undefined;
  return isPlace(revision) && isPlace(position) ? { stream, revision, position } : undefined;
}

function isPlace(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0);
}
