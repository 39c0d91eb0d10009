import { hiddenBeforeUs, hiddenBelow } from '../../model/retention.ts';
import type { IndexView } from './index-view.ts';

/**
 * What a view shows of each stream (rule R1): its events from some revision on. Every read, query and subscription asks
 * it. It looks each stream up once; of streams about which nothing was ever said it knows without looking.
 */
export class Visibility {
  private readonly view: IndexView;
  private readonly first = new Map<string, number>();
  private readonly positions = new Map<number, number>();

  constructor(view: IndexView) {
    this.view = view;
  }

  /** Whether everything is visible, of all streams. */
  get hidesNothing(): boolean {
    return !this.view.hidesAny;
  }

  /** The first revision of a stream that can be seen; its head revision + 1 where none can. */
  firstVisible(stream: string): number | Promise<number> {
    const known = this.first.get(stream);
    if (known !== undefined) return known;
    return this.view.retentionOf(stream) ? this.lookUp(stream) : 0;
  }

  private async lookUp(stream: string): Promise<number> {
    const { revision, retention } = await this.view.streamHead(stream);
    let first = 0;
    if (retention) {
      first = hiddenBelow(retention, revision);
      const sinceUs = hiddenBeforeUs(retention, this.view.logTimeUs);
      if (first <= revision && sinceUs > 0) {
        const position = await this.firstPositionSince(sinceUs);
        first = Math.max(first, await this.view.revisionAfterPosition(stream, position - 1));
      }
    }
    this.first.set(stream, first);
    return first;
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
