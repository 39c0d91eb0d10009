import type { AppendOperation, History, LoggedEvent, SeenEvent } from '../history.ts';
import type { CommittedBounds } from './committed-bounds.ts';
import { groupBy } from './group-by.ts';
import { holds } from './stream-model.ts';
import type { Violations } from './violations.ts';

/** The log as it was read when everything was over, and what can be looked up in it. */
export class FinalLog {
  readonly events: readonly LoggedEvent[];
  private readonly places = new Map<number, number>();
  private readonly streams: Map<string, LoggedEvent[]>;

  constructor(events: readonly LoggedEvent[]) {
    this.events = events;
    for (const { event, position } of events) this.places.set(event, position);
    this.streams = groupBy(events, ({ stream }) => stream);
  }

  /** Undefined: it is not there. */
  positionOf(event: number): number | undefined {
    return this.places.get(event);
  }

  at(position: number): LoggedEvent | undefined {
    return this.events[position - 1];
  }

  stream(name: string): readonly LoggedEvent[] {
    return this.streams.get(name) ?? [];
  }

  /** The revision of a stream when the log ended at this position. */
  revisionAt(name: string, position: number): number {
    const events = this.stream(name);
    let [from, to] = [0, events.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((events[middle] as LoggedEvent).position <= position) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }
}

/** Positions and the revisions of each stream are contiguous, no event is there twice, time does not go back. */
export function checkShape(log: FinalLog, violations: Violations): void {
  const heads = new Map<string, number>();
  let createdUs = 0;
  log.events.forEach((event, n) => {
    const where = `event ${event.event} at position ${event.position}`;
    if (event.position !== n + 1) violations.add(`${where} stands where position ${n + 1} is expected`);
    const expected = (heads.get(event.stream) ?? -1) + 1;
    if (event.revision !== expected)
      violations.add(`${where} is revision ${event.revision} of ${event.stream}, after ${expected - 1}`);
    heads.set(event.stream, event.revision);
    if (log.positionOf(event.event) !== event.position) violations.add(`${where} is in the log more than once`);
    if (event.createdUs < createdUs) violations.add(`${where} was created before the event in front of it`);
    createdUs = event.createdUs;
  });
}

/** What was acknowledged is there, at its place; what was refused is not; what is open is there whole, or not at all. */
export function checkFates(log: FinalLog, history: History, violations: Violations): void {
  const appends = history.operations.filter((operation) => operation.kind === 'append');
  const known = new Set<number>();
  for (const attempts of groupBy(appends, contentKey).values()) {
    const [first] = attempts as [AppendOperation];
    const events = first.writes.flatMap(({ events }) => events);
    for (const event of events) known.add(event);
    checkPlaces(log, first, violations);
    const acknowledged = attempts.filter(({ outcome }) => outcome.kind === 'appended');
    for (const attempt of acknowledged) checkAnswer(log, attempt, violations);
    checkRepeats(attempts, acknowledged, violations);
    const open = attempts.some(({ outcome }) => outcome.kind === 'unknown');
    if (acknowledged.length > 0 || open) continue;
    for (const event of events) {
      const position = log.positionOf(event);
      if (position !== undefined)
        violations.add(`${name(first)} was refused (${reason(first)}), but its event ${event} is at ${position}`);
    }
  }
  // In streams whose names begin with `$` the cluster itself tells of its members (rule C7).
  for (const { event, position, stream } of log.events)
    if (!known.has(event) && !stream.startsWith('$'))
      violations.add(`event ${event} at position ${position} was never appended`);
}

/** What was asked for again after it had been acknowledged is answered as it was, and as a repeat (rule S6). */
function checkRepeats(
  attempts: readonly AppendOperation[],
  acknowledged: readonly AppendOperation[],
  violations: Violations,
): void {
  const answeredMs = Math.min(...acknowledged.map(({ returnedMs }) => returnedMs));
  for (const attempt of attempts) {
    const { outcome, invokedMs } = attempt;
    if (invokedMs <= answeredMs) continue;
    if (outcome.kind === 'conflict' || (outcome.kind === 'appended' && !outcome.repeated))
      violations.add(`${name(attempt)} was acknowledged, but its repeat was judged anew: ${JSON.stringify(outcome)}`);
  }
}

/** Repeats have the same id and the same events. */
function contentKey({ appendId, writes }: AppendOperation): string {
  return `${appendId}/${writes.flatMap(({ events }) => events).join()}`;
}

/** The events of one append follow each other, in their order, all of them or none. */
function checkPlaces(log: FinalLog, append: AppendOperation, violations: Violations): void {
  const placed = append.writes.flatMap(({ stream, events }) => events.map((event) => ({ stream, event })));
  const start = placed[0] && log.positionOf(placed[0].event);
  placed.forEach(({ stream, event }, n) => {
    const position = log.positionOf(event);
    const expected = start === undefined ? undefined : start + n;
    if (position !== expected) {
      violations.add(`${name(append)}: its event ${event} is at ${position}, where ${expected} is expected`);
    } else if (position !== undefined && log.at(position)?.stream !== stream) {
      violations.add(`${name(append)}: its event ${event} is in ${log.at(position)?.stream}, not in ${stream}`);
    }
  });
}

function checkAnswer(log: FinalLog, append: AppendOperation, violations: Violations): void {
  const { outcome } = append;
  if (outcome.kind !== 'appended') return;
  const withEvents = append.writes.filter(({ events }) => events.length > 0);
  const first = withEvents[0]?.events[0];
  if (first === undefined) return;
  const start = log.positionOf(first);
  if (start === undefined) {
    violations.add(`${name(append)} was acknowledged at ${outcome.firstPosition}, but is not in the log`);
    return;
  }
  const count = withEvents.reduce((sum, { events }) => sum + events.length, 0);
  if (start !== outcome.firstPosition || start + count - 1 !== outcome.position)
    violations.add(
      `${name(append)} was acknowledged at ${outcome.firstPosition} to ${outcome.position}, but is at ${start}`,
    );
  withEvents.forEach(({ stream, events }, n) => {
    const last = log.at(log.positionOf(events.at(-1) as number) ?? 0);
    if (last && last.revision !== outcome.revisions[n])
      violations.add(
        `${name(append)} was given revision ${outcome.revisions[n]} of ${stream}, but is at ${last.revision}`,
      );
  });
}

/** What was asked for after something was known to be committed comes behind it. */
export function checkAppendOrder(
  log: FinalLog,
  history: History,
  bounds: CommittedBounds,
  violations: Violations,
): void {
  const appends = history.operations.filter((operation) => operation.kind === 'append');
  for (const attempts of groupBy(appends, contentKey).values()) {
    const [append] = attempts as [AppendOperation];
    const first = append.writes.flatMap(({ events }) => events)[0];
    const position = first === undefined ? undefined : log.positionOf(first);
    if (position === undefined) continue;
    const invokedMs = Math.min(...attempts.map((attempt) => attempt.invokedMs));
    const floor = bounds.committedBefore(invokedMs);
    if (position <= floor)
      violations.add(`${name(append)} is at ${position}, but ${floor} was known before it was asked for`);
    const answeredMs = Math.min(
      ...attempts.filter(({ outcome }) => outcome.kind === 'appended').map((attempt) => attempt.returnedMs),
    );
    // Everything in front of it was committed when it was acknowledged, so it had been asked for.
    if (bounds.earliest(position) > answeredMs)
      violations.add(`${name(append)} was acknowledged at ${position} before all in front of it had been asked for`);
  }
}

/** A conflict was judged on the log as it was between question and answer, and the expectation did not hold there. */
export function checkConflicts(log: FinalLog, history: History, bounds: CommittedBounds, violations: Violations): void {
  for (const operation of history.operations) {
    if (operation.kind !== 'append' || operation.outcome.kind !== 'conflict' || !operation.outcome.judged) continue;
    const { position, checks } = operation.outcome.judged;
    const floor = bounds.committedBefore(operation.invokedMs);
    if (position < floor)
      violations.add(`${name(operation)} was judged at ${position}, but ${floor} was known before it was asked for`);
    if (bounds.earliest(position) > operation.returnedMs)
      violations.add(`${name(operation)} was judged at ${position}, which was asked for after its answer`);
    for (const { stream, revision } of checks) {
      const actual = log.revisionAt(stream, position);
      if (actual !== revision)
        violations.add(`${name(operation)} was told that ${stream} is at ${revision}; at ${position} it was ${actual}`);
      const { expect } = operation.writes.find((write) => write.stream === stream) ?? {};
      if (expect !== undefined && holds(expect, actual))
        violations.add(`${name(operation)} was refused, but ${stream} at ${position} is as expected (${expect})`);
    }
  }
}

export function sameEvent(a: SeenEvent | undefined, b: SeenEvent | undefined): boolean {
  return a?.event === b?.event && a?.position === b?.position && a?.revision === b?.revision && a?.stream === b?.stream;
}

function name({ client, appendId, writes }: AppendOperation): string {
  const events = writes.flatMap(({ events }) => events);
  return `the append of event ${events[0] ?? 'none'} by ${client} (${appendId})`;
}

function reason({ outcome }: AppendOperation): string {
  return 'code' in outcome ? outcome.code : outcome.kind;
}
