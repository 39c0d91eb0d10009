import { invalid } from '../base/errors.ts';
import type { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';

/**
 * A large message in parts (rule C3): an entry may have 16 MiB, and encoding it, handing it to grpc-js, and gathering
 * it on the other side would each take longer than one step may.
 */
export interface Part {
  /** The length of the whole. */
  readonly totalBytes: number;
  readonly bytes: Uint8Array;
}

/** A message that is larger is sent in parts of this size. */
export const PART_BYTES = 1 << 20;
/** An entry is at most as large as an append, and what stands around it. */
const TOTAL_BYTES_MAX = 32 << 20;

const PEER_MESSAGE_PART = 3;
const Field = { totalBytes: 1, bytes: 2 } as const;

/** The message that the segments make, back to back, as PeerMessages with its parts. Each copies when it is taken. */
export function* inParts(segments: readonly Buffer[]): Generator<Buffer> {
  const totalBytes = segments.reduce((sum, segment) => sum + segment.length, 0);
  let left = totalBytes;
  let part = Buffer.allocUnsafe(Math.min(PART_BYTES, left));
  let filled = 0;
  for (const segment of segments) {
    for (let from = 0; from < segment.length; ) {
      const copied = segment.copy(part, filled, from);
      from += copied;
      filled += copied;
      if (filled < part.length) continue;
      yield encodePart({ totalBytes, bytes: part });
      left -= filled;
      part = Buffer.allocUnsafe(Math.min(PART_BYTES, left));
      filled = 0;
    }
  }
}

function encodePart({ totalBytes, bytes }: Part): Buffer {
  return new MessageWriter(bytes.length + 64)
    .nested(PEER_MESSAGE_PART, (nested) => nested.uint(Field.totalBytes, totalBytes).data(Field.bytes, bytes))
    .finish();
}

export function decodePart(reader: MessageReader): Part {
  const part = { totalBytes: 0, bytes: new Uint8Array(0) as Uint8Array };
  while (reader.next()) {
    if (reader.field === Field.totalBytes) part.totalBytes = reader.uint('total_bytes');
    else if (reader.field === Field.bytes) part.bytes = reader.data('bytes');
  }
  return part;
}

/** Puts the parts of a stream together again. */
export class PartsAssembly {
  private whole: Buffer | undefined;
  private filled = 0;

  /** Whether a message has begun and is not complete. */
  get begun(): boolean {
    return this.whole !== undefined;
  }

  /** Gives the message with its last part. Ends in INVALID_ARGUMENT where the part does not go with those before it. */
  add({ totalBytes, bytes }: Part): Buffer | undefined {
    if (!this.whole) {
      if (totalBytes > TOTAL_BYTES_MAX) throw invalid('part.total_bytes', `${totalBytes} is over ${TOTAL_BYTES_MAX}`);
      this.whole = Buffer.allocUnsafe(totalBytes);
      this.filled = 0;
    }
    const { whole } = this;
    if (bytes.length === 0 || totalBytes !== whole.length || this.filled + bytes.length > whole.length) {
      throw invalid(
        'part',
        `${bytes.length} bytes of ${totalBytes} do not go behind ${this.filled} of ${whole.length}`,
      );
    }
    whole.set(bytes, this.filled);
    this.filled += bytes.length;
    if (this.filled < whole.length) return undefined;
    this.whole = undefined;
    return whole;
  }
}
