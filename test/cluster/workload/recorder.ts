import type { RecordedEvent } from '../../../src/client/index.ts';
import type { EventNumber, Operation, SeenEvent, SubscriptionRecord } from '../history.ts';

/** All that clients did and saw, in the order in which they came to know it. */
export class Recorder {
  readonly operations: Operation[] = [];
  readonly subscriptions: SubscriptionRecord[] = [];
  /** Errors that no fault explains. */
  readonly surprises: string[] = [];
  private lastEvent: EventNumber = 0;

  nowMs(): number {
    return performance.now();
  }

  newEvent(): EventNumber {
    return ++this.lastEvent;
  }
}

/** The id of an event is its number. */
export function eventId(event: EventNumber): string {
  return `00000000-0000-4000-8000-${event.toString(16).padStart(12, '0')}`;
}

/** Facts of the system have no number; their places are as good. */
export function seenEvent({ stream, revision, position, id }: RecordedEvent): SeenEvent {
  const event = stream.startsWith('$') ? -Number(position) : Number.parseInt(id.slice(24), 16);
  return { position: Number(position), stream, revision: Number(revision), event };
}
