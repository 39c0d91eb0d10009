import { hash, randomUUID } from 'node:crypto';
import { uuidBytes } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Expectation } from '../model/append.ts';
import { decodeFact, encodeFact, FACT_KINDS, type Fact, FEATURES_STREAM, LEVEL_RAISED } from '../model/fact.ts';
import { decodeChangeFact, isChangeKind } from '../model/retention-fact.ts';
import type { Logger } from '../runtime/logger.ts';
import type { AppendLane } from './append-lane.ts';
import type { AppendOutcome } from './appender.ts';
import type { Reads } from './reads.ts';

export interface FactsOptions {
  /** The feature level in the founding record. */
  readonly founded: number;
  /** The highest feature level that this node knows. */
  readonly known: number;
  readonly logger: Logger;
  /** Those that this node knows, with the level from which on each may be written. */
  readonly kinds?: Readonly<Record<string, number>>;
}

/**
 * The facts of the system in the log (rule S16), and the feature level that follows from them. A fact that cannot be
 * understood is kept, ignored and alarmed; a feature level that this node does not know stops it, because from there on
 * it would understand the log in another way than the others.
 */
export class Facts {
  /** The highest feature level that this node knows. */
  readonly known: number;
  private readonly kinds: Readonly<Record<string, number>>;
  private readonly logger: Logger;
  private current: number;

  /** Ends in FAILED_PRECONDITION where the cluster was founded at a level that this node does not know. */
  constructor(options: FactsOptions) {
    this.known = options.known;
    this.kinds = options.kinds ?? FACT_KINDS;
    this.logger = options.logger;
    this.current = options.founded;
    if (this.current > this.known) throw unknownLevel(this.current, this.known);
  }

  /** The feature level at the last applied entry. */
  get level(): number {
    return this.current;
  }

  /** Takes the level from what the index has applied already. Ends in FAILED_PRECONDITION where it is not known. */
  async load(reads: Reads): Promise<void> {
    const target = { kind: 'stream', stream: FEATURES_STREAM } as const;
    const all = { start: undefined, limit: 0, consistency: { kind: 'local' }, userEvents: false } as const;
    const signal = new AbortController().signal;
    for await (const { events } of reads.read({ target, backwards: true, ...all }, signal)) {
      for (const event of events) {
        if (this.raiseBy(decodeFact(event))) return;
      }
    }
  }

  /** An event of a system stream was applied. */
  applied(event: Uint8Array): void {
    const fact = decodeFact(event);
    if (fact && this.understands(fact, event)) return;
    const kind = fact?.kind ?? 'one whose data is not JSON';
    this.logger.error(
      { event: 'fact.notUnderstood', kind },
      `a fact in the log is not understood and ignored: ${kind}. It was damaged, or written by a version of factstore that should have raised the feature level first`,
    );
  }

  private understands(fact: Fact, event: Uint8Array): boolean {
    if (fact.kind === LEVEL_RAISED) return this.raiseBy(fact);
    if (isChangeKind(fact.kind)) return decodeChangeFact(event, 0, event.length, 0) !== undefined;
    return Object.hasOwn(this.kinds, fact.kind);
  }

  /** Whether the feature level allows that kind. */
  allows(kind: string): boolean {
    return (this.kinds[kind] ?? Number.POSITIVE_INFINITY) <= this.current;
  }

  /** Ends in FAILED_PRECONDITION where the feature level does not allow that kind yet. */
  checkLevel(kind: string): void {
    const refusal = this.refusalOf(kind);
    if (refusal) throw refusal;
  }

  /** Why the feature level does not allow that kind yet; undefined: it does. */
  refusalOf(kind: string): FactstoreError | undefined {
    if (this.allows(kind)) return undefined;
    const since = this.kinds[kind] ?? Number.POSITIVE_INFINITY;
    return new FactstoreError(
      'FAILED_PRECONDITION',
      `${kind} needs feature level ${since}, but the cluster is at ${this.current}: once all members run a version that knows it, raise it with factstore cluster raise-level. Nothing was written.`,
      { needed: since, level: this.current },
    );
  }

  /** Appends a fact. Ends in FAILED_PRECONDITION where the feature level does not allow that kind yet. */
  async write(
    lane: AppendLane,
    stream: string,
    fact: Fact,
    expect: Expectation = { kind: 'any' },
  ): Promise<AppendOutcome> {
    this.checkLevel(fact.kind);
    const id = uuidBytes(randomUUID()) as Uint8Array;
    const event = encodeFact(id, fact);
    return lane.append({
      id,
      digest: hash('sha256', event, 'buffer').subarray(0, 16),
      writes: [{ stream, expect, events: [event] }],
      conditions: [],
      attemptAgeMs: 0,
      eventCount: 1,
      eventBytes: event.length,
    });
  }

  /** False: the fact does not name a level. Levels never fall. */
  private raiseBy(fact: Fact | undefined): boolean {
    const level = fact?.kind === LEVEL_RAISED ? (fact.data as { level?: unknown } | null)?.level : undefined;
    if (typeof level !== 'number' || !Number.isSafeInteger(level)) return false;
    if (level > this.known) throw unknownLevel(level, this.known);
    if (level > this.current) {
      this.current = level;
      this.logger.info({ event: 'features.level', level }, `the cluster is at feature level ${level}`);
    }
    return true;
  }
}

function unknownLevel(level: number, known: number): FactstoreError {
  return new FactstoreError(
    'FAILED_PRECONDITION',
    `the cluster is at feature level ${level}, but this version of factstore knows levels up to ${known} and would misunderstand what follows in the log. Start this node with a version that knows level ${level}; its data is as it was`,
    { level, known },
  );
}
