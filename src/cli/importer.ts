import { toHex } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import { BadLine, type ImportedAppend, isBlank, parseImportLine } from './import-format.ts';
import type { SourceLine } from './import-source.ts';
import type { AppendOutcome, Store, StoredEvent, WriteToAppend } from './store.ts';
import { uuidTextOfDigest } from './uuid.ts';

/**
 * Imports a source once, however often it is run. Each line is one append. Its id is a UUID made from a running digest of
 * all bytes up to and including that line, and it carries a producer cursor (rule S7): the name of the source and the
 * number of the line. Another run asks for the cursor, checks that its own digest at that line is the recorded one, and
 * goes on behind it. A line with an `appendId` of its own is appended under that; where it is the line at the cursor, it
 * vouches for itself alone, and not for the lines before it.
 *
 * The name is made from the first line alone. Were it made from more (the first 64 KiB, say), a small file that has
 * grown, or one in which the bad line was mended at which a run stopped, would be another source, and what was imported
 * of it would be appended a second time once its append ids have been forgotten. Two sources that begin with the same
 * line are told apart by the digest: the second one is refused, and is given a name with --id.
 *
 * A line that was the last one and had no end when it was imported may turn out to end in CR LF, and has another digest
 * from then on. It is still the same line: so the name is made from the first line without its CR, and the digest that
 * it had without its end vouches for the line at the cursor as well.
 *
 * A source whose beginning changes has another name, under which nothing is known of it. So changes the export of a store
 * whose first events are hidden. So before anything is appended under a name that is not known, the store is asked for
 * the events of the first line.
 */
export interface ImportOptions {
  readonly store: Pick<Store, 'append' | 'producer' | 'read'>;
  readonly lines: AsyncIterable<SourceLine>;
  /** The producer's name; undefined: made from the first line. */
  readonly name?: string | undefined;
  /** Once it is aborted, no more lines are taken; those in flight are waited for. The source has to end then, too. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (counts: ImportCounts) => void;
}

export interface ImportCounts {
  /** Lines that this run appended. */
  readonly appended: number;
  /** Lines that an earlier run had appended. */
  readonly alreadyThere: number;
}

export interface ImportReport extends ImportCounts {
  readonly producer: string;
  /** True: it was interrupted, and lines may be left. */
  readonly interrupted: boolean;
}

const IN_FLIGHT_MAX = 256;
const IN_FLIGHT_BYTES_MAX = 16 << 20;
/** Long enough for a cluster to lose its leader more than once, and find another. */
const LINE_TIMEOUT_MS = 120_000;

/** How far the import has come: a line, and its append id. Line 0: nowhere yet. */
interface Cursor {
  readonly line: number;
  readonly appendId: string | undefined;
}

interface Sent {
  readonly line: number;
  readonly bytes: number;
  readonly appendId: string;
  /** True: the line gave its append id itself. */
  readonly ownId: boolean;
  readonly writes: readonly WriteToAppend[];
  readonly outcome: Promise<AppendOutcome | Failure>;
}

/** A refused append; as a value, so that no promise is left rejected while another is awaited. */
interface Failure {
  readonly error: unknown;
}

export class Importer {
  private readonly options: ImportOptions;
  private producer = '';
  /** The line that the next append names as the one before it. */
  private previous = 0;
  private queue: Sent[] = [];
  private queuedBytes = 0;
  private appended = 0;
  private alreadyThere = 0;

  constructor(options: ImportOptions) {
    this.options = options;
  }

  get counts(): ImportCounts {
    return { appended: this.appended, alreadyThere: this.alreadyThere };
  }

  async run(): Promise<ImportReport> {
    const { lines, signal, name } = this.options;
    let start: Cursor | undefined;
    let last = 0;
    for await (const line of untilInterrupted(lines, signal)) {
      last = line.number;
      const blank = isBlank(line.bytes);
      if (blank && !start) continue;
      start ??= await this.startWith(line);
      if (line.number <= start.line) this.skip(line, blank, start);
      else if (!blank) await this.send(line);
    }
    while (this.queue.length > 0) await this.settleOldest();
    const interrupted = signal?.aborted ?? false;
    if (name !== undefined && !interrupted) start ??= await this.findStart([name]);
    if (start && last < start.line && !interrupted) throw differs(this.producer, start.line, `has only ${last} lines`);
    return { ...this.counts, producer: this.producer, interrupted };
  }

  /** The line behind which to begin, of a source that begins with this one. */
  private async startWith(line: SourceLine): Promise<Cursor> {
    const { name } = this.options;
    const start = await this.findStart(name === undefined ? namesOf(line) : [name]);
    if (start.line > 0) return start;
    const there = await this.eventInStore(line).catch((error: unknown) => {
      throw this.lineFailure(line.number, error);
    });
    if (there) throw importedBefore(this.producer, line.number, there);
    return start;
  }

  /**
   * An event of this line that the store has, by its id and in its stream. Only lines with append ids of their own, as
   * exports have them, are looked for: in a source without them, ids of events are not meant to tell lines apart.
   */
  private async eventInStore(line: SourceLine): Promise<StoredEvent | undefined> {
    const { store, signal } = this.options;
    const parsed = parsedOf(line);
    if (parsed?.appendId === undefined) return undefined;
    for (const { stream, events } of parsed.writes) {
      const ids = new Set(events.flatMap(({ id }) => id ?? []));
      if (ids.size === 0) continue;
      for await (const event of store.read({ stream }, signal ? { signal } : {})) if (ids.has(event.id)) return event;
    }
    return undefined;
  }

  /** The line behind which to begin, under the first of these names that is known; where none is, under the last one. */
  private async findStart(names: readonly string[]): Promise<Cursor> {
    let cursor: Cursor = { line: 0, appendId: undefined };
    for (const name of names) {
      this.producer = name;
      cursor = await this.cursor();
      if (cursor.line > 0) break;
    }
    this.previous = cursor.line;
    return cursor;
  }

  private async cursor(): Promise<Cursor> {
    const state = await this.options.store.producer(this.producer, this.options.signal);
    return { line: Number(state.current), appendId: state.appendId };
  }

  /** Passes over a line that is in the store; at the cursor, checks that this is the source that it came from. */
  private skip(line: SourceLine, blank: boolean, start: Cursor): void {
    if (!blank) this.alreadyThere++;
    if (line.number < start.line) return;
    if (blank || !appendIdsOf(line).some((id) => id === start.appendId))
      throw differs(this.producer, start.line, `differs from it up to line ${start.line}`);
    this.options.onProgress?.(this.counts);
  }

  private async send(line: SourceLine): Promise<void> {
    let parsed: ImportedAppend;
    try {
      parsed = parseImportLine(line.bytes);
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      while (this.queue.length > 0) await this.settleOldest();
      throw this.lineFailure(line.number, new FactstoreError('INVALID_ARGUMENT', error.message));
    }
    const digestId = uuidTextOfDigest(line.digest());
    const bytes = line.bytes.length;
    while (
      this.queue.length >= IN_FLIGHT_MAX ||
      (this.queue.length > 0 && this.queuedBytes + bytes > IN_FLIGHT_BYTES_MAX)
    )
      await this.settleOldest();
    const appendId = parsed.appendId ?? digestId;
    const ownId = parsed.appendId !== undefined;
    this.append({ line: line.number, bytes, appendId, ownId, writes: parsed.writes });
  }

  private append(item: Omit<Sent, 'outcome'>): void {
    const producer = { producer: this.producer, previous: BigInt(this.previous), current: BigInt(item.line) };
    const outcome = this.options.store
      .append(item.writes, { appendId: item.appendId, producer, timeoutMs: LINE_TIMEOUT_MS })
      .catch((error: unknown): Failure => ({ error }));
    if (item.line > this.previous) this.previous = item.line;
    this.queue.push({ ...item, outcome });
    this.queuedBytes += item.bytes;
  }

  private async settleOldest(): Promise<void> {
    const [oldest] = this.queue;
    if (!oldest) return;
    const outcome = await oldest.outcome;
    if ('error' in outcome) {
      if (isCursorMismatch(outcome.error)) return this.resend();
      // What was sent behind it is refused as well, because the cursor never comes to this line.
      await Promise.all(this.queue.map((sent) => sent.outcome));
      throw this.sentFailure(oldest, outcome.error);
    }
    this.queue.shift();
    this.queuedBytes -= oldest.bytes;
    this.count();
  }

  /**
   * A line behind the cursor is this import's own even where the answer calls it a repeat: it was in the store already
   * because an attempt before the loss of a leader, or of a run that was killed a moment ago, had come through.
   */
  private count(): void {
    this.appended++;
    this.options.onProgress?.(this.counts);
  }

  /**
   * The lines in flight were refused because the cursor is not where they expect it: a line before them had to be sent
   * again, and came after those behind it. Everything before the oldest one is in the store; so the cursor is asked
   * for, and the rest is sent again from there, in order.
   */
  private async resend(): Promise<void> {
    const failed: Sent[] = [];
    for (const sent of this.queue) {
      const outcome = await sent.outcome;
      if ('error' in outcome) failed.push(sent);
      else this.count();
    }
    const [first] = failed;
    if (!first) return;
    const cursor = await this.cursor();
    this.queue = [];
    this.queuedBytes = 0;
    this.previous = cursor.line;
    if (cursor.line >= first.line) throw twoAtOnce(this.producer, first.line);
    // The first one alone shows whether the cursor was the matter: refused again, another import moves it.
    this.append(first);
    const again = await this.queue[0]?.outcome;
    if (again && 'error' in again) {
      throw isCursorMismatch(again.error) ? twoAtOnce(this.producer, first.line) : this.sentFailure(first, again.error);
    }
    for (const sent of failed.slice(1)) this.append(sent);
  }

  private sentFailure({ line, ownId }: Sent, error: unknown): unknown {
    if (ownId || !(error instanceof FactstoreError) || error.code !== 'APPEND_ID_REUSED') {
      return this.lineFailure(line, error);
    }
    // Its id follows from all bytes up to it, so it was this very source, and nothing but the name can be another one.
    const text =
      'this source was imported before up to here, under another name. Nothing was written. Import it under that ' +
      'name (without --id, where there was none) to add what is new.';
    return this.lineFailure(line, new FactstoreError(error.code, text, error.details));
  }

  /** An error with the number of its line and what is in the store before it. */
  private lineFailure(line: number, error: unknown): unknown {
    if (!(error instanceof FactstoreError)) return error;
    const { appended, alreadyThere } = this.counts;
    const before = `Before it, ${summary(this.counts)}; run the import again to go on from there.`;
    return new FactstoreError(
      error.code,
      `line ${line}: ${error.message}\n${before}`,
      { ...error.details, line, appended, alreadyThere },
      { cause: error, definite: error.definite },
    );
  }
}

/** The lines up to an interruption, which may come while the source has nothing to give. */
async function* untilInterrupted(
  lines: AsyncIterable<SourceLine>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceLine, void, undefined> {
  try {
    for await (const line of lines) {
      if (signal?.aborted) return;
      yield line;
    }
  } catch (error) {
    // A source that was broken off for the interruption's sake is no broken source.
    if (!signal?.aborted) throw error;
  }
}

export function summary({ appended, alreadyThere }: ImportCounts): string {
  return `${appended} appended, ${alreadyThere} already there`;
}

/**
 * The names of a source that begins with this line. The one made from all of its bytes is what sources with CR LF were
 * called at first; an import that was begun under it goes on under it.
 */
function namesOf(line: SourceLine): readonly string[] {
  const digests = [line.digest(), line.unterminatedDigest()];
  return [...new Set(digests.map((digest) => `import:${toHex(digest)}`))];
}

/** The append ids under which an earlier run may have appended a line. */
function appendIdsOf(line: SourceLine): readonly string[] {
  const appendId = parsedOf(line)?.appendId;
  return appendId === undefined ? [line.digest(), line.unterminatedDigest()].map(uuidTextOfDigest) : [appendId];
}

/** Undefined: it is a bad line, which is told where it would be sent. */
function parsedOf(line: SourceLine): ImportedAppend | undefined {
  try {
    return parseImportLine(line.bytes);
  } catch {
    return undefined;
  }
}

function isCursorMismatch(error: unknown): boolean {
  return error instanceof FactstoreError && error.code === 'CURSOR_MISMATCH';
}

function differs(producer: string, line: number, how: string): FactstoreError {
  const message =
    `an import called ${JSON.stringify(producer)} has come to line ${line}, but this source ${how}. Nothing was ` +
    'appended. A source may grow, not change: give another source another name with --id NAME. Of an export whose ' +
    'beginning has changed, import what is new alone: factstore export --after POSITION.';
  return new FactstoreError('FAILED_PRECONDITION', message, { producer, line });
}

function importedBefore(producer: string, line: number, { id, stream, revision }: StoredEvent): FactstoreError {
  const message =
    `line ${line}: event ${id} is in the store already, at revision ${revision} of ${JSON.stringify(stream)}, and no ` +
    `import called ${JSON.stringify(producer)} is known: it came under another name, or the source has changed at its ` +
    'beginning since. Nothing was appended. Import what is new alone: factstore export --after POSITION.';
  return new FactstoreError('FAILED_PRECONDITION', message, { producer, line, stream, revision });
}

function twoAtOnce(producer: string, line: number): FactstoreError {
  const message =
    `line ${line}: another import called ${JSON.stringify(producer)} is running. ` +
    'Wait for it, then run this one again; or, for another source, give it a name of its own with --id NAME.';
  return new FactstoreError('CURSOR_MISMATCH', message, { producer, line });
}
