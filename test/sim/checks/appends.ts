import type { FactstoreError } from '../../../src/base/errors.ts';
import type { AppendOutcome } from '../../../src/database/appender.ts';
import type { Append, Appended, Expectation } from '../../../src/model/append.ts';
import type { EntryRecord } from '../../../src/storage/record.ts';
import type { Committed, KnownEvent } from './committed.ts';
import { demand } from './violation.ts';

/** What the client of an append knows of its fate. */
export interface ClientAppend {
  readonly append: Append;
  readonly key: string;
  /** The committed head when it was first sent. */
  readonly sentAtHead: number;
  /** Attempts whose answer is not known. */
  open: number;
  /** Set: some attempt ended without its fate being known. */
  doubtful: boolean;
  answer: Appended | undefined;
  /** Set: it was refused for certain, and will not be sent again. Why. */
  refused: string | undefined;
}

/** Holds answers to appends against the log, and the log against the answers. */
export class AppendChecks {
  private readonly committed: Committed;
  readonly all = new Map<string, ClientAppend>();

  constructor(committed: Committed) {
    this.committed = committed;
  }

  begin(append: Append): ClientAppend {
    const key = Buffer.from(append.id).toString('hex');
    const begun: ClientAppend = {
      append,
      key,
      sentAtHead: this.committed.head,
      open: 0,
      doubtful: false,
      answer: undefined,
      refused: undefined,
    };
    this.all.set(key, begun);
    return begun;
  }

  /**
   * An answer, as it leaves the node. `sinceHead`: the committed head when the attempt began. `late`: the client waits for
   * it no longer, and may have sent the append again, which then met another state.
   */
  answered(known: ClientAppend, outcome: AppendOutcome, sinceHead: number, late: boolean): void {
    if (outcome.kind === 'conflict') this.checkConflict(known, outcome, sinceHead, late);
    else this.checkAppended(known, outcome);
  }

  /** All attempts were refused for certain and it is given up: it must never be in the log. */
  giveUp(known: ClientAppend, why: string): void {
    if (known.doubtful || known.open > 0 || known.answer) return;
    known.refused = why;
    demand(!this.committed.appends.has(known.key), () => `append ${known.key} is in the log, but was refused: ${why}`);
  }

  failed(known: ClientAppend, error: FactstoreError): void {
    if (!error.definite) known.doubtful = true;
  }

  /** An entry of events is committed: somebody asked for just this, and it holds what was expected. */
  applied(record: EntryRecord): void {
    const firstPosition = record.firstPosition;
    const entry = this.committed.lastAppend;
    demand(entry?.record === record, () => `entry ${record.index} is not known`);
    const key = Buffer.from(entry.payload.appendId).toString('hex');
    const known = this.all.get(key);
    demand(known !== undefined, () => `entry ${record.index} holds an append that nobody made`);
    demand(known.refused === undefined, () => `append ${key} was committed after it was refused: ${known.refused}`);
    let n = 0;
    for (const write of known.append.writes) {
      const revision = this.committed.revisionAt(write.stream, firstPosition - 1);
      demand(
        met(write.expect, revision),
        () =>
          `entry ${record.index}: ${write.stream} was expected to be ${textOf(write.expect)}, it was at ${revision} (S10)`,
      );
      for (const event of write.events) {
        const stored = this.committed.events[firstPosition - 1 + n++];
        demand(
          stored?.stream === write.stream && Buffer.compare(stored.bytes.subarray(0, event.length), event) === 0,
          () => `entry ${record.index}: its event ${n} is not the one that was sent`,
        );
      }
    }
    for (const condition of known.append.conditions) {
      const [against] = this.committed.against(condition, firstPosition - 1);
      demand(
        against === undefined,
        () => `entry ${record.index}: event ${against?.position} matches ${JSON.stringify(condition)} (S4)`,
      );
    }
    demand(n === record.count, () => `entry ${record.index} holds ${record.count} events, ${n} were sent`);
  }

  private checkAppended(known: ClientAppend, answer: Appended): void {
    const entry = this.committed.appends.get(known.key);
    // A producer's cursor may have passed it long ago, at a place that is no longer told (rule S7).
    if (answer.position === 0 && known.append.producer) return;
    demand(entry !== undefined, () => `append ${known.key} was answered at ${answer.position} and is not committed`);
    const { record } = entry;
    demand(
      answer.firstPosition === record.firstPosition &&
        answer.position === record.nextPosition - 1 &&
        answer.createdUs === record.createdUs,
      () =>
        `append ${known.key} was answered at ${answer.firstPosition} to ${answer.position}, and stands at ${record.firstPosition} to ${record.nextPosition - 1}`,
    );
    demand(
      answer.firstPosition > known.sentAtHead,
      () =>
        `append ${known.key} stands at ${answer.firstPosition}, but ${known.sentAtHead} was committed before it was sent`,
    );
    for (const { stream, revision } of answer.writes) {
      const actual = this.committed.revisionAt(stream, answer.position);
      demand(
        actual === revision,
        () => `append ${known.key}: ${stream} is at ${actual}, not at ${revision} as was answered`,
      );
    }
    demand(known.refused === undefined, () => `append ${known.key} was refused (${known.refused}) and then answered`);
    known.answer ??= answer;
  }

  /** A rejection is as strong as a success (S5): it holds at a committed position between question and answer. */
  private checkConflict(
    known: ClientAppend,
    { checks, conditions, position }: Extract<AppendOutcome, { kind: 'conflict' }>,
    sinceHead: number,
    late: boolean,
  ): void {
    const { committed } = this;
    demand(
      position >= sinceHead && position <= committed.head,
      () => `append ${known.key} was refused as of ${position}, outside of ${sinceHead} to ${committed.head} (S5)`,
    );
    demand(late || !known.answer, () => `append ${known.key} was answered and then refused`);
    demand(checks.length + conditions.length > 0, () => `append ${known.key} was refused without a reason`);
    for (const { stream, expect, actualRevision, events } of checks) {
      const revision = committed.revisionAt(stream, position);
      demand(
        actualRevision === revision && !met(expect, revision),
        () =>
          `append ${known.key} was refused because ${stream} is at ${actualRevision}, not ${textOf(expect)}; at ${position} it was at ${revision} (S5)`,
      );
      const from = expect.kind === 'revision' ? expect.revision + 1 : 0;
      this.checkShown(known, events, committed.streams.get(stream)?.slice(from) ?? []);
    }
    for (const { index, events } of conditions) {
      const condition = known.append.conditions[index];
      const against = condition ? committed.against(condition, position) : [];
      demand(
        against.length > 0,
        () => `append ${known.key} was refused for ${JSON.stringify(condition)}, which holds at ${position} (S4)`,
      );
      this.checkShown(known, events, against);
    }
  }

  /** Only committed events that have to do with the conflict are shown, the oldest first. */
  private checkShown(known: ClientAppend, shown: readonly Uint8Array[], expected: readonly KnownEvent[]): void {
    shown.forEach((event, n) => {
      const stored = expected[n];
      demand(
        stored !== undefined && Buffer.compare(stored.bytes, event) === 0,
        () => `append ${known.key}: event ${n} of the conflict is not position ${stored?.position} (S13)`,
      );
    });
  }
}

function met(expect: Expectation, revision: number): boolean {
  if (expect.kind === 'any') return true;
  if (expect.kind === 'none') return revision < 0;
  if (expect.kind === 'exists') return revision >= 0;
  return revision === expect.revision;
}

function textOf(expect: Expectation): string {
  return expect.kind === 'revision' ? `at revision ${expect.revision}` : expect.kind;
}
