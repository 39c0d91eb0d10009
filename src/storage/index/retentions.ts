import { hasLimits, hidesByAge, type Retention } from '../../model/retention.ts';
import { eachRow, type Store } from '../store.ts';
import { stateAt } from './head-rows.ts';
import { Kind, kindRange, nameOfKey } from './keys.ts';
import { decodeRetention, type RetentionEnd } from './retention-rows.ts';
import { decodeRow } from './row-writer.ts';

/** How many facts of a stream are remembered, so that a view sees what held at its head. */
const VERSIONS_MAX = 8;

interface Version {
  readonly end: RetentionEnd;
  readonly before: Version | 'forgotten' | undefined;
}

/**
 * What is hidden of which stream: of every stream about which anything was ever said, in memory. Reads of everything ask
 * it for each event and appends for each stream, so it must not cost a look-up on disk; and where nothing was ever
 * said of any stream it costs nothing.
 */
export class Retentions {
  private readonly streams = new Map<string, Version>();
  /** How many of them hide by age: while there are any, log time has to go on. */
  private aging = 0;
  /** How many of them hide by count or age. */
  private limited = 0;
  /** The position of the newest fact about any of them. */
  private newest = 0;

  get size(): number {
    return this.streams.size;
  }

  /** Whether what is visible changes by time alone. */
  get anyByAge(): boolean {
    return this.aging > 0;
  }

  /**
   * Whether events may be hidden that could be seen when this position was the head. Of streams with limits nothing is
   * known: whatever is appended to them, or the time alone, hides more.
   */
  mayHideMoreSince(position: number): boolean {
    return this.limited > 0 || this.newest > position;
  }

  /** What the last fact says of a stream; undefined where there is none. */
  of(stream: string): RetentionEnd | undefined {
    return this.streams.get(stream)?.end;
  }

  /**
   * What held at a head. For a head that lies very many facts back, what held a little later: that hides more, as the
   * disk itself may by then.
   */
  at(stream: string, head: number): Retention | undefined {
    let version = this.streams.get(stream);
    while (version && version.end.position > head) {
      if (version.before === 'forgotten') break;
      version = version.before;
    }
    return version?.end;
  }

  set(stream: string, end: RetentionEnd): void {
    const before = this.streams.get(stream);
    if (before && hidesByAge(before.end)) this.aging--;
    if (hidesByAge(end)) this.aging++;
    if (before && hasLimits(before.end)) this.limited--;
    if (hasLimits(end)) this.limited++;
    this.newest = Math.max(this.newest, end.position);
    this.streams.set(stream, { end, before: cut(before, VERSIONS_MAX - 1) });
  }

  /** Loads what sealed blocks say. */
  async load(store: Store, sealedBlocks: number): Promise<void> {
    await eachRow(store, kindRange(Kind.retention), (key, value) => {
      const end = stateAt(decodeRow(key, value, decodeRetention), sealedBlocks);
      if (end) this.set(nameOfKey(key), end);
    });
  }
}

function cut(version: Version['before'], length: number): Version['before'] {
  if (version === undefined || version === 'forgotten') return version;
  return length === 0 ? 'forgotten' : { end: version.end, before: cut(version.before, length - 1) };
}
