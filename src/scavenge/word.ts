import { scanRecordedEvent } from '../model/event.ts';
import { SCAVENGES_STREAM, startsScavenge } from '../model/scavenge-fact.ts';
import type { EventReader } from '../storage/index/event-reader.ts';
import type { IndexView } from '../storage/index/index-view.ts';

/** The last word about scavenges that was applied. */
export interface Word {
  readonly position: number;
  readonly starts: boolean;
  /** Up to where every node scavenges now: the newest scavenge that was not stopped; 0: there is none. */
  readonly point: number;
  /** The same, without the newest start. */
  readonly before: number;
}

/**
 * What holds after a word. A stop ends the newest scavenge alone: the one before it was through on the leader when the newest
 * was started, so every node has to come through it (rule R2), however late. A stop behind a stop changes nothing.
 */
export function wordAfter(word: Word | undefined, position: number, starts: boolean): Word {
  const { point = 0, before = 0 } = word ?? {};
  return starts ? { position, starts, point: position, before: point } : { position, starts, point: before, before };
}

/** The newest words that were applied, oldest first, as far back as it takes to tell what holds: to two starts in a row. */
export async function newestWords(reader: EventReader, view: IndexView): Promise<Uint8Array[]> {
  const words: Uint8Array[] = [];
  let startedBehind = false;
  for await (const { events } of reader.readStream(view, SCAVENGES_STREAM, { backwards: true })) {
    for (const { bytes } of events) {
      words.unshift(bytes);
      const starts = startsScavenge(bytes) === true;
      if (starts && startedBehind) return words;
      startedBehind = starts;
    }
  }
  return words;
}

/** The position of a word about scavenges, and whether it starts one; undefined: it is none. */
export function wordIn(event: Uint8Array): Pick<Word, 'position' | 'starts'> | undefined {
  const starts = startsScavenge(event);
  const position = starts === undefined ? undefined : scanRecordedEvent(event)?.position;
  return starts === undefined || position === undefined ? undefined : { position, starts };
}
