import { FactstoreError } from '../base/errors.ts';
import { LIMITS } from '../model/limits.ts';
import { headWith, type Retention, retentionAfter, type StreamChange } from '../model/retention.ts';
import { encodeChangeFact } from '../model/retention-fact.ts';
import { type StreamHead, systemStreamOf } from '../model/stream.ts';

/** A change that was found good: the fact it becomes, and what holds from there on. */
export interface JudgedChange {
  readonly stream: string;
  readonly head: StreamHead;
  /** A NewEvent as bytes, for `$$stream`. */
  readonly fact: Uint8Array;
}

/** What a change is judged on. */
export interface ChangeGround {
  readonly head: StreamHead;
  /** The revision that its fact gets in `$$stream`. */
  readonly factRevision: number;
  readonly position: number;
  readonly createdUs: number;
}

/** Judges a change of a stream's lifecycle: the fact, or why there is none. */
export function judgeChange(id: Uint8Array, change: StreamChange, ground: ChangeGround): JudgedChange | FactstoreError {
  const refusal = refuse(change, ground.head);
  if (refusal) return refusal;
  const { head, factRevision, position, createdUs } = ground;
  const place = { position, createdUs, revision: factRevision, head: head.revision };
  const retention = retentionAfter(head.retention, change, place);
  if (retention.erased.length > LIMITS.erasedRangesMax) return tooManyRanges(change, retention);
  const fact = encodeChangeFact(id, change, head.revision, retention);
  return { stream: change.stream, head: headWith(retention, head.revision), fact };
}

/** Metadata may be set before the first event; everything else needs something to hide. */
function refuse(change: StreamChange, { state, revision }: StreamHead): FactstoreError | undefined {
  const { stream, kind } = change;
  const name = JSON.stringify(stream);
  if (state === 'tombstoned') {
    const text = `change.stream: stream ${name} is tombstoned, for ever. Nothing was written.`;
    return new FactstoreError('FAILED_PRECONDITION', text, {
      field: 'change.stream',
      stream,
      state,
      fact: systemStreamOf(stream),
    });
  }
  if (kind === 'metadata') return undefined;
  if (state === 'none') {
    const text = `change.stream: stream ${name} does not exist: no event was ever written to it. Nothing was written.`;
    return new FactstoreError('NOT_FOUND', text, { field: 'change.stream', stream, state });
  }
  if (state === 'deleted' && kind !== 'tombstone') {
    const text = `change.stream: stream ${name} is deleted already, at revision ${revision}. Nothing was written.`;
    return new FactstoreError('NOT_FOUND', text, { field: 'change.stream', stream, state, headRevision: revision });
  }
  if (kind === 'erase' && change.to > revision + 1) {
    const text = `change.erase.to is ${change.to}, but stream ${name} ends at revision ${revision}. Nothing was written.`;
    return new FactstoreError('OUT_OF_RANGE', text, { field: 'change.erase.to', stream, headRevision: revision });
  }
  return undefined;
}

function tooManyRanges({ stream }: StreamChange, { erased }: Retention): FactstoreError {
  const limit = LIMITS.erasedRangesMax;
  const text = `change.erase: stream ${JSON.stringify(stream)} would have ${erased.length} separate ranges of erased revisions, more than ${limit}. Nothing was written. Truncate the stream, or erase whole ranges`;
  return new FactstoreError('LIMIT_EXCEEDED', text, { field: 'change.erase', stream, limit, actual: erased.length });
}
