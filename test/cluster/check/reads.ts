import type { History, LoggedEvent, ReadOperation } from '../history.ts';
import type { CommittedBounds } from './committed-bounds.ts';
import { groupBy } from './group-by.ts';
import { type FinalLog, sameEvent } from './log.ts';
import type { Violations } from './violations.ts';

/**
 * A read shows the log up to its head and nothing else. The head of a linearizable read is at least what anybody knew
 * before; that of a read at a position at least that; and no client sees the log shrink (rules Q1, Q2, Q4).
 */
export function checkReads(log: FinalLog, history: History, bounds: CommittedBounds, violations: Violations): void {
  const ownFloors = new OwnFloors(history);
  for (const read of history.operations) {
    if (read.kind !== 'read' || read.outcome.kind !== 'read') continue;
    const { head } = read.outcome;
    const floor = bounds.committedBefore(read.invokedMs);
    if (read.level === 'linearizable' && head < floor)
      violations.add(`${name(read)} saw the head ${head}, but ${floor} was known before it was asked for`);
    if (typeof read.level === 'number' && head < read.level)
      violations.add(`${name(read)} saw the head ${head}, but asked for at least ${read.level}`);
    const own = ownFloors.of(read);
    if (head < own) violations.add(`${name(read)} saw the head ${head}, but its client had seen ${own}`);
    if (bounds.earliest(head) > read.returnedMs)
      violations.add(`${name(read)} saw the head ${head}, which was asked for after its answer`);
    checkContent(log, read, violations);
  }
}

function checkContent(log: FinalLog, read: ReadOperation, violations: Violations): void {
  if (read.outcome.kind !== 'read') return;
  const { head, revision, events } = read.outcome;
  if (read.stream !== undefined && revision !== undefined) {
    const actual = log.revisionAt(read.stream, head);
    if (actual !== revision)
      violations.add(`${name(read)} says revision ${revision}, but at ${head} the stream was at ${actual}`);
  }
  const expected = slice(log, read, head);
  if (events.length !== expected.length) {
    violations.add(`${name(read)} gave ${events.length} events, where ${expected.length} are expected`);
    return;
  }
  const wrong = events.findIndex((event, n) => !sameEvent(event, expected[n]));
  if (wrong >= 0)
    violations.add(
      `${name(read)} gave ${JSON.stringify(events[wrong])}, where ${JSON.stringify(expected[wrong])} is expected`,
    );
}

/** What such a read has to give where the head is this. */
function slice(log: FinalLog, read: ReadOperation, head: number): readonly LoggedEvent[] {
  if (read.limit === 0) return [];
  const whole = read.stream === undefined ? log.events : log.stream(read.stream);
  const firstPlace = read.stream === undefined ? 1 : 0;
  const end = read.stream === undefined ? head : log.revisionAt(read.stream, head) + 1;
  if (read.backwards) {
    const last = read.from === undefined ? end : Math.min(end, read.from - firstPlace + 1);
    const from = read.limit === undefined ? 0 : Math.max(0, last - read.limit);
    return whole.slice(from, Math.max(0, last)).reverse();
  }
  const from = read.from === undefined ? 0 : read.from - firstPlace;
  return whole.slice(from, Math.max(from, Math.min(end, read.limit === undefined ? end : from + read.limit)));
}

/** What each client had been shown before it asked (rule Q4). */
class OwnFloors {
  private readonly floors = new Map<ReadOperation, number>();

  constructor(history: History) {
    for (const operations of groupBy(history.operations, ({ client }) => client).values()) {
      const moments = operations.flatMap((operation) => [
        { atMs: operation.invokedMs, operation, returned: false },
        { atMs: operation.returnedMs, operation, returned: true },
      ]);
      moments.sort((a, b) => a.atMs - b.atMs || Number(a.returned) - Number(b.returned));
      let floor = 0;
      for (const { operation, returned } of moments) {
        const { outcome } = operation;
        if (!returned && operation.kind === 'read') this.floors.set(operation, floor);
        if (returned && outcome.kind === 'read') floor = Math.max(floor, outcome.head);
        if (returned && outcome.kind === 'appended') floor = Math.max(floor, outcome.position);
      }
    }
  }

  of(read: ReadOperation): number {
    return this.floors.get(read) ?? 0;
  }
}

function name({ client, stream, level, invokedMs }: ReadOperation): string {
  const kind = typeof level === 'number' ? `at least ${level}` : level;
  return `the read (${kind}) of ${stream ?? 'everything'} by ${client} at ${invokedMs.toFixed(0)} ms`;
}
