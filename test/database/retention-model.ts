import type { Expectation } from '../../src/model/append.ts';
import type { ChangeKind } from '../../src/model/retention.ts';
import type { StreamState } from '../../src/model/stream.ts';

interface ModelEvent {
  readonly revision: number;
  readonly position: number;
  readonly createdUs: number;
  hidden: boolean;
}

interface ModelStream {
  readonly events: ModelEvent[];
  state: StreamState;
  maxCount: number | undefined;
  maxAgeUs: number | undefined;
  facts: number;
}

/** What can be seen of one stream after an entry. */
export interface Seen {
  readonly state: StreamState;
  readonly head: number;
  readonly visible: readonly { readonly revision: number; readonly position: number }[];
  readonly facts: number;
}

/**
 * Rule R1 in its plainest form: each event has a flag, and once that is set it stays. It keeps no floors and knows nothing
 * of facts, so it shares no thought with the code.
 */
export class RetentionModel {
  readonly streams = new Map<string, ModelStream>();
  private logTimeUs = 0;

  of(stream: string): ModelStream {
    const known = this.streams.get(stream);
    if (known) return known;
    const fresh = { events: [], state: 'none' as StreamState, maxCount: undefined, maxAgeUs: undefined, facts: 0 };
    this.streams.set(stream, fresh);
    return fresh;
  }

  /** The table of rule S10, for a stream that is written. */
  holds(stream: string, expect: Expectation): boolean {
    const { state, events } = this.of(stream);
    if (state === 'tombstoned') return false;
    if (expect.kind === 'none') return state === 'none' || state === 'deleted';
    if (expect.kind === 'exists') return state === 'exists';
    return expect.kind === 'any' || (events.length > 0 && events.length - 1 === expect.revision);
  }

  allows(stream: string, change: ChangeKind): boolean {
    const { state } = this.of(stream);
    if (state === 'tombstoned') return false;
    if (change.kind === 'metadata') return true;
    if (change.kind === 'erase' && change.to > this.of(stream).events.length) return false;
    return state === 'exists' || (change.kind === 'tombstone' && state === 'deleted');
  }

  append(stream: string, count: number, firstPosition: number, createdUs: number): void {
    const known = this.of(stream);
    for (let n = 0; n < count; n++) {
      known.events.push({ revision: known.events.length, position: firstPosition + n, createdUs, hidden: false });
    }
    known.state = 'exists';
    this.passTime(createdUs);
  }

  change(stream: string, change: ChangeKind, createdUs: number): void {
    this.passTime(createdUs);
    const known = this.of(stream);
    known.facts++;
    const hide = (below: number) => {
      for (const event of known.events) if (event.revision < below) event.hidden = true;
    };
    if (change.kind === 'metadata') {
      const { maxCount, maxAgeMs, truncateBefore = 0 } = change.metadata;
      known.maxCount = maxCount;
      known.maxAgeUs = maxAgeMs === undefined ? undefined : maxAgeMs * 1000;
      hide(truncateBefore);
    } else if (change.kind === 'truncate') hide(change.before);
    else if (change.kind === 'erase')
      for (const event of known.events.slice(change.from, change.to)) event.hidden = true;
    else {
      hide(Number.POSITIVE_INFINITY);
      known.state = change.kind === 'delete' ? 'deleted' : 'tombstoned';
    }
    this.passTime(createdUs);
  }

  /** The log has come to this time. */
  passTime(createdUs: number): void {
    this.logTimeUs = createdUs;
    for (const { events, maxCount, maxAgeUs } of this.streams.values()) {
      events.forEach((event, n) => {
        if (maxCount !== undefined && events.length - n > maxCount) event.hidden = true;
        if (maxAgeUs !== undefined && this.logTimeUs - event.createdUs > maxAgeUs) event.hidden = true;
      });
    }
  }

  /** As it is now, to be compared with later. */
  look(): Map<string, Seen> {
    return new Map(
      [...this.streams].map(([stream, { state, events, facts }]) => {
        const visible = events
          .filter(({ hidden }) => !hidden)
          .map(({ revision, position }) => ({ revision, position }));
        return [stream, { state, head: events.length - 1, visible, facts }];
      }),
    );
  }
}
