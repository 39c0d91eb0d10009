import { assert } from '../../base/assert.ts';
import { encodeUtf8 } from '../../base/bytes.ts';
import type { Emission, LoadStates, PartitionState, ProgramEvent } from '../program.ts';
import { type Answer, type Failure, NONE, ROW_VALUES, SAME, textAt, type WrittenRow, writtenRow } from './messages.ts';
import { packEvents } from './packed-events.ts';
import { type Sandbox, SandboxDied } from './sandbox.ts';

/** When so much is held for a batch, it ends early: what the sandbox was given as states, and what came out of it. */
const STATES_BYTES_MAX = 16 << 20;
const EMISSIONS_BYTES_MAX = 16 << 20;
const EMISSIONS_MAX = 10_000;
/** An event of more than this goes into the sandbox with few others. */
const EVENTS_BYTES_AT_ONCE = 4 << 20;

/** One run of events through a sandbox, in pieces, up to a failure. */
export class Attempt {
  readonly emissions: Emission[] = [];
  readonly changed = new Map<string, PartitionState>();
  readonly logs: string[] = [];
  /** How many events are done. */
  processed = 0;
  /** How many more were given to the sandbox when it failed. */
  underWay = 0;
  phase: 'running' | 'settling' = 'running';
  failure: Failure | undefined;
  readonly #sandbox: Sandbox;
  readonly #events: readonly ProgramEvent[];
  readonly #loadStates: LoadStates;
  #statesBytes = 0;
  #emissionsBytes = 0;
  #grown = false;

  constructor(sandbox: Sandbox, events: readonly ProgramEvent[], loadStates: LoadStates) {
    this.#sandbox = sandbox;
    this.#events = events;
    this.#loadStates = loadStates;
  }

  /** Ends in an error only where states could not be loaded. */
  async run(atOnce: number): Promise<void> {
    try {
      while (this.processed < this.#events.length && !this.#isFull) {
        const piece = this.#nextPiece(atOnce);
        this.underWay = piece.length;
        // Events that are tried one by one are to be told from their states: either may be what ends the sandbox.
        const settles = atOnce > 1 && this.processed + piece.length === this.#events.length;
        await this.#runPiece(piece, settles);
        if (this.failure) return;
      }
      if (this.processed > 0 && this.phase === 'running') await this.#settle();
    } catch (error) {
      if (!(error instanceof SandboxDied)) throw error;
      this.failure = { kind: 'died', message: `the sandbox died: ${error.message}`, at: 0 };
    }
  }

  get #isFull(): boolean {
    return (
      this.#grown ||
      this.#statesBytes > STATES_BYTES_MAX ||
      this.#emissionsBytes > EMISSIONS_BYTES_MAX ||
      this.emissions.length > EMISSIONS_MAX
    );
  }

  #nextPiece(atOnce: number): readonly ProgramEvent[] {
    const start = this.processed;
    let end = start;
    for (let bytes = 0; end < this.#events.length && end - start < atOnce && bytes < EVENTS_BYTES_AT_ONCE; end++) {
      const { data, metadata } = this.#events[end] as ProgramEvent;
      bytes += data.length + metadata.length;
    }
    return this.#events.slice(start, end);
  }

  async #runPiece(piece: readonly ProgramEvent[], settles: boolean): Promise<void> {
    let answer = await this.#sandbox.ask({ kind: 'batch', events: packEvents(piece), settles });
    if (answer.kind === 'missing') {
      const found = await this.#loadStates(answer.partitions);
      const states = answer.partitions.map((partition) => [partition, found.get(partition)] as const);
      for (const [, bytes] of states) this.#statesBytes += bytes?.length ?? 0;
      answer = await this.#sandbox.ask({ kind: 'states', states });
    }
    if (answer.kind === 'failed') return this.#fail(answer);
    assert(answer.kind === 'ran', 'a batch is answered by what came of it');
    this.processed += answer.done;
    this.#grown = answer.grown;
    this.underWay = 0;
    this.logs.push(...answer.log);
    for (let i = 0; i * ROW_VALUES < answer.rows.length; i++) {
      const row = writtenRow(answer.rows, i);
      const data = textAt(answer.texts, i * 2);
      const metadata = row[6] === NONE ? undefined : textAt(answer.texts, i * 2 + 1);
      const emission = emissionOf(row, data, metadata, piece[row[0]] as ProgramEvent);
      this.#emissionsBytes += emission.data.length + (emission.metadata?.length ?? 0);
      this.emissions.push(emission);
    }
    if (answer.settled) this.#takeStates(answer.settled);
  }

  async #settle(): Promise<void> {
    this.phase = 'settling';
    this.#takeStates(await this.#sandbox.ask({ kind: 'settle' }));
  }

  #takeStates(answer: Answer): void {
    this.phase = 'settling';
    if (answer.kind === 'failed') return this.#fail(answer);
    assert(answer.kind === 'settled', 'settling is answered by states');
    const { rows, texts } = answer;
    for (let i = 0; i * 3 < rows.length; i++) {
      const [partition, stateLength, resultLength] = rows.slice(i * 3, i * 3 + 3) as [string, number, number];
      const state = stateLength === NONE ? null : textAt(texts, i * 2);
      const result = resultLength === SAME ? state : resultLength === NONE ? null : textAt(texts, i * 2 + 1);
      this.changed.set(partition, { state, result });
    }
  }

  #fail({ failure, log }: Extract<Answer, { kind: 'failed' }>): void {
    this.failure = failure;
    this.logs.push(...log);
  }
}

function emissionOf(
  [, ordinal, kind, stream, type, , , tags, linked, revision, position]: WrittenRow,
  data: Uint8Array,
  metadata: Uint8Array | undefined,
  cause: ProgramEvent,
): Emission {
  const common = { position: cause.position, ordinal, stream, type, ...(metadata ? { metadata } : {}) };
  if (kind === 'emit') return { ...common, kind, data, ...(tags ? { tags } : {}) };
  if (kind === 'copy') {
    const { contentType } = cause;
    return { metadata: cause.metadata, ...common, kind: 'emit', data: cause.data, contentType, tags: cause.tags };
  }
  const target = linked ?? '';
  if (kind === 'result') return { ...common, kind: 'emit', data, resultOf: target };
  if (revision === NONE) return { ...common, kind, data: encodeUtf8(target), link: { stream: target } };
  const link = { stream: target, revision: BigInt(revision), position: BigInt(position) };
  return { ...common, kind, data: encodeUtf8(`${revision}@${target}`), link };
}
