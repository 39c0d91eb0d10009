import type { Retention } from '../model/retention.ts';
import { decodeChangeFact } from '../model/retention-fact.ts';
import { systemStreamOf } from '../model/stream.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';
import { type StreamRetention, Visibility } from '../storage/index/visibility.ts';

/** The place of the fact that started a scavenge. */
export interface ScavengePoint {
  readonly position: number;
  readonly createdUs: number;
}

/**
 * What can be seen at a scavenge point (rule R2), judged by the log alone: by the last fact about each stream up to the
 * point, its head there, and the time there. So every node finds the same, however much later it looks.
 */
export class PointVisibility extends Visibility {
  private readonly now: IndexView;
  private readonly reader: EventReader;
  private readonly point: ScavengePoint;

  /** `view` shows the log to the point, or beyond it. */
  constructor(view: IndexView, reader: EventReader, point: ScavengePoint) {
    super(view, point.createdUs);
    this.now = view;
    this.reader = reader;
    this.point = point;
  }

  protected override async retentionOf(stream: string): Promise<StreamRetention> {
    const revision = (await this.now.revisionAfterPosition(stream, this.point.position)) - 1;
    const last = this.now.retentionOf(stream);
    return { retention: last && last.position > this.point.position ? await this.factAt(stream) : last, revision };
  }

  /** The last fact up to the point that is understood; undefined where there is none. */
  private async factAt(stream: string): Promise<Retention | undefined> {
    const facts = systemStreamOf(stream);
    const from = (await this.now.revisionAfterPosition(facts, this.point.position)) - 1;
    if (from < 0) return undefined;
    for await (const { events } of this.reader.readStream(this.now, facts, { from, backwards: true })) {
      for (const { bytes, position } of events) {
        const retention = decodeChangeFact(bytes, 0, bytes.length, position);
        if (retention) return retention;
      }
    }
    return undefined;
  }
}
