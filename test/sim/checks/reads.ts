import type { ReadBatch, ReadRequest } from '../../../src/database/reads.ts';
import type { Delivery } from '../../../src/subscription/subscription.ts';
import type { Committed, KnownEvent } from './committed.ts';
import { demand } from './violation.ts';

/** Holds what is read against what is committed. */
export class ReadChecks {
  private readonly committed: Committed;

  constructor(committed: Committed) {
    this.committed = committed;
  }

  /** `sinceHead`: the committed head when the read was asked for. */
  read(who: string, request: ReadRequest, batches: readonly ReadBatch[], sinceHead: number): void {
    const { start } = batches[0] ?? {};
    demand(start !== undefined, () => `${who}: a read without a head`);
    this.fresh(who, request.consistency, start.head, sinceHead);
    if (request.target.kind === 'stream') {
      const revision = this.committed.revisionAt(request.target.stream, start.head);
      const told = start.headRevision ?? -1;
      demand(told === revision, () => `${who}: a read says that the stream is at ${told}, it is at ${revision}`);
    }
    const events = batches.flatMap((batch) => batch.events);
    const expected = this.expected(request, start.head);
    const wrong = expected.findIndex((event, n) => !events[n] || Buffer.compare(event.bytes, events[n]) !== 0);
    demand(
      wrong < 0 && events.length === expected.length,
      () =>
        `${who}: ${textOf(request)} at ${start.head} gave ${events.length} events instead of ${expected.length}; the first wrong one is number ${wrong}`,
    );
  }

  fresh(who: string, consistency: ReadRequest['consistency'], head: number, sinceHead: number): void {
    const least =
      consistency.kind === 'linearizable' ? sinceHead : consistency.kind === 'atLeast' ? consistency.position : 0;
    demand(
      head >= least && head <= this.committed.head,
      () => `${who}: a ${consistency.kind} read at ${head}, outside of ${least} to ${this.committed.head}`,
    );
  }

  /** What a subscription delivers continues what it delivered before. Gives the new checkpoint. */
  delivery(who: string, stream: string | undefined, after: number, { events, checkpoint, caughtUp }: Delivery): void {
    const expected =
      stream === undefined
        ? this.committed.events.slice(after, checkpoint)
        : this.committed.eventsBetween(stream, after, checkpoint);
    demand(
      checkpoint >= after && checkpoint <= this.committed.head,
      () => `${who}: a subscription goes from ${after} to ${checkpoint}, while ${this.committed.head} is committed`,
    );
    demand(
      events.length === expected.length &&
        expected.every(({ bytes }, n) => Buffer.compare(bytes, events[n] as Uint8Array) === 0),
      () =>
        `${who}: a subscription delivered ${events.length} events from ${after} to ${checkpoint}, not ${expected.length}`,
    );
    if (caughtUp !== undefined) {
      demand(caughtUp === checkpoint, () => `${who}: caught up at ${caughtUp}, with the checkpoint ${checkpoint}`);
    }
  }

  private expected(request: ReadRequest, head: number): readonly KnownEvent[] {
    const { target, backwards, limit, start } = request;
    const upTo =
      target.kind === 'stream' ? this.committed.eventsUpTo(target.stream, head) : this.committed.events.slice(0, head);
    const place = ({ revision, position }: KnownEvent) => (start?.kind === 'revision' ? revision : position);
    const from = start?.kind === 'revision' ? start.revision : start?.kind === 'position' ? start.position : undefined;
    const timed = ({ createdUs }: KnownEvent) =>
      start?.kind !== 'time' || (backwards ? createdUs <= start.timeUs : createdUs >= start.timeUs);
    const matching = upTo.filter(
      (event) => timed(event) && (from === undefined || (backwards ? place(event) <= from : place(event) >= from)),
    );
    const ordered = backwards ? [...matching].reverse() : matching;
    return limit > 0 ? ordered.slice(0, limit) : ordered;
  }
}

function textOf({ target, backwards, start, limit }: ReadRequest): string {
  return `a read of ${JSON.stringify(target)}${backwards ? ' backwards' : ''} from ${JSON.stringify(start)}, at most ${limit},`;
}
