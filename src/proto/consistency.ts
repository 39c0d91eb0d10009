import type { MessageReader } from './message-reader.ts';
import type { MessageWriter } from './message-writer.ts';

/** How fresh an answer must be. */
export type Consistency =
  | { readonly kind: 'linearizable' }
  /** Waits until the node has applied this position. */
  | { readonly kind: 'atLeast'; readonly position: number }
  | { readonly kind: 'local' };

const Level = { linearizable: 1, atLeast: 2, local: 3 } as const;

export function writeConsistency(writer: MessageWriter, consistency: Consistency): void {
  if (consistency.kind === 'atLeast') writer.uintAlways(Level.atLeast, consistency.position);
  else writer.bool(Level[consistency.kind], true);
}

/** Absent means linearizable, and so does a level that is set to false. */
export function decodeConsistency(reader: MessageReader): Consistency {
  let consistency: Consistency = { kind: 'linearizable' };
  while (reader.next()) {
    switch (reader.field) {
      case Level.linearizable:
        reader.bool('linearizable');
        consistency = { kind: 'linearizable' };
        break;
      case Level.atLeast:
        consistency = { kind: 'atLeast', position: reader.uint('at_least') };
        break;
      case Level.local:
        consistency = reader.bool('local') ? { kind: 'local' } : { kind: 'linearizable' };
        break;
      default:
        throw reader.foreign();
    }
  }
  return consistency;
}
