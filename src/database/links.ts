import { type FollowedLink, linkOf } from '../model/link.ts';
import type { EventReader, ReadEvent } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';

/** Events, and of those that are links what they lead to. */
interface FollowedEvents {
  readonly events: readonly ReadEvent[];
  readonly links: readonly FollowedLink[];
}

/** Linked events come beside those that were read, up to about so many bytes a message. */
const LINKED_BYTES_MAX = 1 << 20;
/** So many links are followed before the event loop has its turn. */
const TURN_LINKS = 64;

/** Follows links, one step: a link to a link leads to that. */
export class LinkFollower {
  private readonly reader: EventReader;
  private readonly view: IndexView;

  constructor(reader: EventReader, view: IndexView) {
    this.reader = reader;
    this.view = view;
  }

  /** The events in their order, in pieces that are not too large with what is linked. */
  async *follow(events: readonly ReadEvent[]): AsyncGenerator<FollowedEvents> {
    let links: FollowedLink[] = [];
    let from = 0;
    let bytes = 0;
    for (const [n, { bytes: event }] of events.entries()) {
      const target = await this.targetOf(event);
      if (target === undefined) continue;
      links.push({ at: n - from, target });
      if (links.length % TURN_LINKS === 0) await this.reader.yieldTurn();
      if (typeof target !== 'string') bytes += target.length;
      if (bytes < LINKED_BYTES_MAX) continue;
      yield { events: events.slice(from, n + 1), links };
      [links, from, bytes] = [[], n + 1, 0];
    }
    if (from < events.length) yield { events: events.slice(from), links };
  }

  /** Undefined: the event is no link. */
  private async targetOf(event: Uint8Array): Promise<FollowedLink['target'] | undefined> {
    const link = linkOf(event);
    if (!link) return undefined;
    const { stream, revision, position } = link;
    if (revision === undefined) return 'wholeStream';
    for await (const { events } of this.reader.readStream(this.view, stream, { from: revision, limit: 1 })) {
      const [found] = events;
      if (found?.revision !== revision) break;
      return position === undefined || found.position === position ? found.bytes : 'neverWritten';
    }
    const head = await this.view.streamHead(stream);
    return revision <= head.revision ? 'hidden' : 'neverWritten';
  }
}
