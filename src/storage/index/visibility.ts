import { hiddenBeforeUs, hiddenBelow, type Retention } from '../../model/retention.ts';
import { addRevisions, includesRevision, NO_REVISIONS, type RevisionRange } from '../../model/revision-ranges.ts';
import type { IndexView } from './index-view.ts';

/** What can be seen of a stream: its events from `first` on, but for those that were erased. */
export interface VisiblePart {
  /** The first revision that can be seen; the head revision + 1 where none can. */
  readonly first: number;
  /** What cannot be seen behind it. */
  readonly erased: readonly RevisionRange[];
}

/** What is said about a stream at some place of the log, and where the stream ends there. */
export interface StreamRetention {
  readonly retention?: Retention | undefined;
  readonly revision: number;
}

const ALL: VisiblePart = { first: 0, erased: NO_REVISIONS };

export function isVisible({ first, erased }: VisiblePart, revision: number): boolean {
  return revision >= first && !(erased.length > 0 && includesRevision(erased, revision));
}

/**
 * What a view shows of each stream (rule R1). Every read, query and subscription asks it. It looks each stream up once; of streams about which nothing was ever said it knows without looking.
 */
export class Visibility {
  private readonly view: IndexView;
  private readonly logTimeUs: number;
  private readonly parts = new Map<string, VisiblePart>();
  private readonly positions = new Map<number, number>();

  /** `logTimeUs`: the time by which ages are judged, where it is not that of the view's head. */
  constructor(view: IndexView, logTimeUs = view.logTimeUs) {
    this.view = view;
    this.logTimeUs = logTimeUs;
  }

  /** Whether everything is visible, of all streams. */
  get hidesNothing(): boolean {
    return !this.view.hidesAny;
  }

  of(stream: string): VisiblePart | Promise<VisiblePart> {
    return this.parts.get(stream) ?? (this.saysAnythingOf(stream) ? this.lookUp(stream) : ALL);
  }

  protected saysAnythingOf(stream: string): boolean {
    return this.view.retentionOf(stream) !== undefined;
  }

  protected retentionOf(stream: string): Promise<StreamRetention> {
    return this.view.streamHead(stream);
  }

  private async lookUp(stream: string): Promise<VisiblePart> {
    const { revision, retention } = await this.retentionOf(stream);
    const part = retention ? await this.partOf(stream, retention, revision) : ALL;
    this.parts.set(stream, part);
    return part;
  }

  private async partOf(stream: string, retention: Retention, revision: number): Promise<VisiblePart> {
    let first = hiddenBelow(retention, revision);
    const sinceUs = hiddenBeforeUs(retention, this.logTimeUs);
    if (first <= revision && sinceUs > 0) {
      const position = await this.firstPositionSince(sinceUs);
      const young = await this.view.revisionAfterPosition(stream, position - 1);
      first = Math.min(Math.max(first, young), revision + 1);
    }
    const [lowest, ...others] = addRevisions(retention.erased, undefined, first);
    if (!lowest) return { first, erased: NO_REVISIONS };
    return lowest.from > first ? { first, erased: [lowest, ...others] } : { first: lowest.to, erased: others };
  }

  /** The first position that was created at or after a time; head + 1 where there is none. */
  private async firstPositionSince(createdUs: number): Promise<number> {
    let low = this.positions.get(createdUs) ?? 1;
    let high = this.positions.get(createdUs) ?? this.view.head + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.view.locate(middle)).createdUs < createdUs) low = middle + 1;
      else high = middle;
    }
    this.positions.set(createdUs, low);
    return low;
  }
}
