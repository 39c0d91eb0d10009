import type { EventNumber, History, LoggedEvent } from '../history.ts';

/**
 * What the history says about when each position was committed: not before the append that it belongs to was asked for,
 * and not after somebody was told of it. Both grow with the position, for positions are committed in their order.
 */
export class CommittedBounds {
  private readonly seenMs: number[];
  private readonly seenPosition: number[];
  private readonly earliestMs: number[];

  constructor(history: History, log: readonly LoggedEvent[]) {
    const seen = observations(history).sort((a, b) => a.atMs - b.atMs);
    this.seenMs = seen.map(({ atMs }) => atMs);
    let highest = 0;
    this.seenPosition = seen.map(({ position }) => (highest = Math.max(highest, position)));
    const asked = invocations(history);
    this.earliestMs = [Number.NEGATIVE_INFINITY];
    for (const { event } of log) {
      const before = this.earliestMs.at(-1) as number;
      this.earliestMs.push(Math.max(before, asked.get(event) ?? before));
    }
  }

  /** The last position that had been shown to somebody before this moment: it was committed then. */
  committedBefore(ms: number): number {
    let [from, to] = [0, this.seenMs.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.seenMs[middle] as number) < ms) from = middle + 1;
      else to = middle;
    }
    return from === 0 ? 0 : (this.seenPosition[from - 1] as number);
  }

  /** The moment before which this position was certainly not committed. */
  earliest(position: number): number {
    return this.earliestMs[position] ?? Number.POSITIVE_INFINITY;
  }
}

function observations(history: History): { readonly atMs: number; readonly position: number }[] {
  const seen: { atMs: number; position: number }[] = [];
  for (const { returnedMs: atMs, outcome } of history.operations) {
    if (outcome.kind === 'appended') seen.push({ atMs, position: outcome.position });
    if (outcome.kind === 'read') seen.push({ atMs, position: outcome.head });
    if (outcome.kind === 'conflict' && outcome.judged) seen.push({ atMs, position: outcome.judged.position });
  }
  for (const { messages } of history.subscriptions) {
    for (const message of messages) {
      const position = message.kind === 'event' ? message.event.position : message.position;
      seen.push({ atMs: message.atMs, position });
    }
  }
  return seen;
}

/** When each event was first asked to be appended. */
function invocations(history: History): Map<EventNumber, number> {
  const asked = new Map<EventNumber, number>();
  for (const operation of history.operations) {
    if (operation.kind !== 'append') continue;
    for (const event of operation.writes.flatMap(({ events }) => events)) {
      asked.set(event, Math.min(asked.get(event) ?? Number.POSITIVE_INFINITY, operation.invokedMs));
    }
  }
  return asked;
}
