import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FactstoreError } from '../base/errors.ts';
import { isMissing, replaceFile } from './files.ts';

const FORMAT = 1;

/** What was seen of one member. */
interface Seen {
  incarnation: number;
  /** The highest log index that it is known to have acknowledged and that is committed: it never holds less again. */
  newest: number;
  /** The same, as it was a round earlier. */
  acknowledged: number;
}

const NOTHING: Readonly<Seen> = { incarnation: 0, newest: 0, acknowledged: 0 };

/**
 * What was seen of each other member, in a small file of the data directory, so that a restart does not forget it (rule
 * D9): its highest incarnation, and what it acknowledged. The file is written behind what it remembers, and may lose
 * what was seen in the last second before a power failure.
 *
 * On disk, `peers.json`: the format, and for each member its incarnation and the acknowledged log index.
 */
export class PeerMemory {
  private readonly path: string;
  private readonly seen: Map<string, Seen>;
  private readonly onError: (error: unknown) => void;
  private writing: Promise<void> | undefined;
  private written = true;

  private constructor(path: string, seen: Map<string, Seen>, onError: (error: unknown) => void) {
    this.path = path;
    this.seen = seen;
    this.onError = onError;
  }

  /** Ends in DATA_LOSS where the file cannot be understood. `onError`: it could not be written (rule D1). */
  static async open(directory: string, onError: (error: unknown) => void): Promise<PeerMemory> {
    const path = join(directory, 'peers.json');
    return new PeerMemory(path, await read(path), onError);
  }

  /** The highest start number seen; 0: none was. */
  incarnation(member: string): number {
    return this.of(member).incarnation;
  }

  raiseIncarnation(member: string, incarnation: number): void {
    if (incarnation <= this.incarnation(member)) return;
    this.seen.set(member, { ...this.of(member), incarnation });
    this.save();
  }

  /**
   * What the member's log must hold when it presents itself. It is what was known a round ago: acknowledgements go on
   * while a greeting is under way, and must not make a liar of it.
   */
  acknowledged(member: string): number {
    return this.of(member).acknowledged;
  }

  /** One round, about a second apart: what the members are known to have acknowledged by now. */
  remember(acknowledged: ReadonlyMap<string, number>): void {
    for (const [member, index] of acknowledged) {
      const { incarnation, newest } = this.of(member);
      this.seen.set(member, { incarnation, acknowledged: newest, newest: Math.max(newest, index) });
      if (index > newest) this.save();
    }
  }

  /** Resolves once everything that was seen is on disk. */
  async close(): Promise<void> {
    await this.writing;
  }

  private of(member: string): Readonly<Seen> {
    return this.seen.get(member) ?? NOTHING;
  }

  private save(): void {
    this.written = false;
    this.writing ??= this.write().catch((error: Error) => this.onError(this.notWritten(error)));
  }

  private async write(): Promise<void> {
    try {
      while (!this.written) {
        this.written = true;
        const rows = Array.from(this.seen, ([id, seen]) => [
          id,
          { incarnation: seen.incarnation, acknowledged: seen.newest },
        ]);
        await replaceFile(this.path, `${JSON.stringify({ format: FORMAT, members: Object.fromEntries(rows) })}\n`);
      }
    } finally {
      this.writing = undefined;
    }
  }

  private notWritten(cause: Error): FactstoreError {
    const { path } = this;
    const text = `a write to ${path} failed (${cause.message}). What was seen of other members must not be forgotten, so this process must end and start anew`;
    return new FactstoreError('INTERNAL', text, { path }, { cause });
  }
}

async function read(path: string): Promise<Map<string, Seen>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return new Map();
    throw error;
  }
  const seen = decode(text);
  if (seen) return seen;
  throw new FactstoreError(
    'DATA_LOSS',
    `${path} is damaged, or of another version. It only helps to recognise members that run from an old copy of their data; if you know of none, delete it and start again`,
    { path },
  );
}

function decode(text: string): Map<string, Seen> | undefined {
  try {
    const { format, members } = JSON.parse(text) as { format: unknown; members: Record<string, Partial<Seen>> };
    if (format !== FORMAT) return undefined;
    const entries = Object.entries(members).map(([id, { incarnation = -1, acknowledged = -1 }]) => {
      if (!isCount(incarnation) || !isCount(acknowledged)) throw new RangeError(id);
      return [id, { incarnation, newest: acknowledged, acknowledged }] as const;
    });
    return new Map(entries);
  } catch {
    return undefined;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
