import type { AppendOperation, EventNumber, Expected, History, LoggedEvent, ReadOperation } from '../history.ts';
import { groupBy } from './group-by.ts';
import type { Call, SequentialModel } from './linearizability.ts';

/** What an operation did to, or learned of, one stream. */
export type StreamInput =
  | {
      readonly kind: 'appended';
      readonly expect: Expected;
      readonly events: readonly EventNumber[];
      readonly revision?: number;
    }
  /** Something was refused, or only checked; this expectation held. */
  | { readonly kind: 'held'; readonly expect: Expected }
  | { readonly kind: 'conflict'; readonly expect: Expected; readonly revision?: number }
  /** The events are the last ones of the stream, in order. */
  | { readonly kind: 'read'; readonly revision: number; readonly last: readonly EventNumber[] };

/**
 * A stream by itself. Its states form a tree: each event that is appended leads from a state to another one, always to
 * the same.
 */
export class StreamModel implements SequentialModel<StreamInput> {
  readonly initial = 0;
  private readonly parents: number[] = [-1];
  private readonly events: EventNumber[] = [0];
  private readonly revisions: number[] = [-1];
  private readonly children = new Map<string, number>();

  step(state: number, input: StreamInput): number | undefined {
    const revision = this.revisions[state] as number;
    switch (input.kind) {
      case 'appended': {
        if (!holds(input.expect, revision)) return undefined;
        if (input.revision !== undefined && input.revision !== revision + input.events.length) return undefined;
        return input.events.reduce((at, event) => this.child(at, event), state);
      }
      case 'held':
        return holds(input.expect, revision) ? state : undefined;
      case 'conflict':
        if (input.revision !== undefined && input.revision !== revision) return undefined;
        return holds(input.expect, revision) ? undefined : state;
      case 'read':
        return input.revision === revision && this.endsWith(state, input.last) ? state : undefined;
    }
  }

  private child(parent: number, event: EventNumber): number {
    const key = `${parent}/${event}`;
    let child = this.children.get(key);
    if (child === undefined) {
      child = this.parents.length;
      this.children.set(key, child);
      this.parents.push(parent);
      this.events.push(event);
      this.revisions.push((this.revisions[parent] as number) + 1);
    }
    return child;
  }

  private endsWith(state: number, last: readonly EventNumber[]): boolean {
    let at = state;
    for (let n = last.length - 1; n >= 0; n--) {
      if (at <= 0 || this.events[at] !== last[n]) return false;
      at = this.parents[at] as number;
    }
    return true;
  }
}

/** Rule S10, for streams that were never deleted. */
export function holds(expect: Expected, revision: number): boolean {
  if (expect === 'any') return true;
  if (expect === 'none') return revision < 0;
  if (expect === 'exists') return revision >= 0;
  return revision === expect;
}

/**
 * The operations on each stream. What of an append with several writes concerns a stream is an operation of that stream:
 * linearizability of the whole follows from that of each, and that the writes come together is for the log to show.
 *
 * The log, as it was read when everything was over, is the last read of each stream. So an indefinite append that is not
 * there never happened, and is left out, which spares the search nearly all it would have to guess.
 */
export function callsByStream(history: History, log: readonly LoggedEvent[]): Map<string, Call<StreamInput>[]> {
  const calls = new Map<string, Call<StreamInput>[]>();
  const add: Add = (stream, call) => {
    const known = calls.get(stream);
    if (known) known.push(call);
    else calls.set(stream, [call]);
  };
  const inLog = new Set(log.map(({ event }) => event));
  const appended: Appended = new Map();
  let lastMs = 0;
  for (const operation of history.operations) {
    lastMs = Math.max(lastMs, operation.returnedMs);
    if (operation.kind === 'read') addRead(operation, add);
    else addAppend(operation, inLog, appended, add);
  }
  for (const { stream, call } of appended.values()) add(stream, call);
  const streams = groupBy(log, ({ stream }) => stream);
  for (const stream of calls.keys()) {
    const last = (streams.get(stream) ?? []).map(({ event }) => event);
    const input: StreamInput = { kind: 'read', revision: last.length - 1, last };
    add(stream, { input, invokedMs: lastMs + 1, returnedMs: lastMs + 2 });
  }
  return calls;
}

type Appended = Map<string, { readonly stream: string; call: Call<StreamInput> }>;

type Add = (stream: string, call: Call<StreamInput>) => void;

function addRead(read: ReadOperation, add: Add): void {
  const { stream, level, limit, outcome, invokedMs, returnedMs } = read;
  if (stream === undefined || level !== 'linearizable' || outcome.kind !== 'read') return;
  const { revision, events } = outcome;
  if (revision === undefined) return;
  const ordered = read.backwards ? events.toReversed() : events;
  // What does not reach to the end of the stream is compared with the log, not here.
  const toTheEnd = limit !== 0 && ordered.at(-1)?.revision === revision;
  const last = toTheEnd ? ordered.map(({ event }) => event) : [];
  add(stream, { input: { kind: 'read', revision, last }, invokedMs, returnedMs });
}

function addAppend(append: AppendOperation, inLog: ReadonlySet<EventNumber>, appended: Appended, add: Add): void {
  const { writes, outcome, invokedMs, returnedMs } = append;
  if (outcome.kind === 'refused') return;
  if (outcome.kind === 'conflict') {
    const checks = new Map(outcome.judged?.checks.map(({ stream, revision }) => [stream, revision]));
    for (const { stream, expect } of writes) {
      const revision = checks.get(stream);
      // Without details one of the writes failed, and which is known only where there is but one.
      if (!outcome.judged && writes.length > 1) continue;
      const failed = revision !== undefined || !outcome.judged;
      const input: StreamInput = failed
        ? { kind: 'conflict', expect, ...(revision !== undefined && { revision }) }
        : { kind: 'held', expect };
      add(stream, { input, invokedMs, returnedMs });
    }
    return;
  }
  const known = outcome.kind === 'appended';
  let withEvents = 0;
  for (const { stream, expect, events } of writes) {
    const [first] = events;
    if (first === undefined) {
      if (known && !outcome.repeated) add(stream, { input: { kind: 'held', expect }, invokedMs, returnedMs });
      continue;
    }
    const revision = known ? outcome.revisions[withEvents++] : undefined;
    if (!known && !inLog.has(first)) continue;
    const input: StreamInput = { kind: 'appended', expect, events, ...(revision !== undefined && { revision }) };
    merge(appended, `${stream}/${first}`, stream, { input, invokedMs, returnedMs: known ? returnedMs : Infinity });
  }
}

/** Repeats are one operation: from the first invocation to the first answer. */
function merge(appended: Appended, key: string, stream: string, call: Call<StreamInput>): void {
  const known = appended.get(key);
  if (!known) {
    appended.set(key, { stream, call });
    return;
  }
  const { call: first } = known;
  known.call = {
    input: 'revision' in first.input && first.input.revision !== undefined ? first.input : call.input,
    invokedMs: Math.min(first.invokedMs, call.invokedMs),
    returnedMs: Math.min(first.returnedMs, call.returnedMs),
  };
}
