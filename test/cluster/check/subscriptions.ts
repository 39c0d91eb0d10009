import type { History, LoggedEvent, SubscriptionRecord } from '../history.ts';
import type { CommittedBounds } from './committed-bounds.ts';
import { type FinalLog, sameEvent } from './log.ts';
import type { Violations } from './violations.ts';

/**
 * A subscription gives every event of its stream, or of all, once and in the order of the log, from behind its
 * checkpoint on, and never one that is not committed. What it says it has caught up with, it has given (rule Q3).
 */
export function checkSubscriptions(
  log: FinalLog,
  history: History,
  bounds: CommittedBounds,
  violations: Violations,
): void {
  for (const subscription of history.subscriptions) checkSubscription(log, subscription, bounds, violations);
}

function checkSubscription(
  log: FinalLog,
  subscription: SubscriptionRecord,
  bounds: CommittedBounds,
  violations: Violations,
): void {
  const { stream, after, startedMs, messages, client } = subscription;
  const name = `the subscription of ${client} to ${stream ?? 'everything'} behind ${after}`;
  const events: readonly LoggedEvent[] = stream === undefined ? log.events : log.stream(stream);
  let next = stream === undefined ? after : log.revisionAt(stream, after) + 1;
  let caughtUpBefore = false;
  for (const message of messages) {
    const position = message.kind === 'event' ? message.event.position : message.position;
    if (bounds.earliest(position) > message.atMs)
      violations.add(`${name} gave position ${position} before that had been asked for`);
    if (message.kind === 'event') {
      if (!sameEvent(message.event, events[next])) {
        violations.add(`${name} gave ${JSON.stringify(message.event)}, where ${JSON.stringify(events[next])} follows`);
        // The rest would only repeat it.
        return;
      }
      next++;
      continue;
    }
    const given = stream === undefined ? position : log.revisionAt(stream, position) + 1;
    if (next < given) violations.add(`${name} said it had caught up with ${position}, but gave only ${next} events`);
    const floor = bounds.committedBefore(startedMs);
    if (!caughtUpBefore && position < floor)
      violations.add(`${name} said it had caught up with ${position}, but ${floor} was known before it began`);
    caughtUpBefore = true;
  }
}
