import { InvariantViolation } from '../../base/assert.ts';
import type { StreamHead } from '../../model/stream.ts';
import type { Cursor } from './head-rows.ts';

export type { Cursor } from './head-rows.ts';

/** What look-ups found. It stays as it is, whatever is applied later (rule S3). */
export interface Lookup {
  /** The last entry whose effects it shows. */
  readonly appliedIndex: number;
  /** The head of a stream that was asked for. */
  head(stream: string): StreamHead;
  /** The cursor of a producer that was asked for; undefined where it never appended. */
  cursor(producer: string): Cursor | undefined;
}

export class FixedLookup implements Lookup {
  readonly appliedIndex: number;
  private readonly heads: ReadonlyMap<string, StreamHead>;
  private readonly cursors: ReadonlyMap<string, Cursor | undefined>;

  constructor(
    appliedIndex: number,
    heads: ReadonlyMap<string, StreamHead>,
    cursors: ReadonlyMap<string, Cursor | undefined>,
  ) {
    this.appliedIndex = appliedIndex;
    this.heads = heads;
    this.cursors = cursors;
  }

  head(stream: string): StreamHead {
    const head = this.heads.get(stream);
    if (!head) throw new InvariantViolation(`stream ${JSON.stringify(stream)} was not looked up`);
    return head;
  }

  cursor(producer: string): Cursor | undefined {
    const cursor = this.cursors.get(producer);
    if (!cursor && !this.cursors.has(producer)) {
      throw new InvariantViolation(`producer ${JSON.stringify(producer)} was not looked up`);
    }
    return cursor;
  }
}
