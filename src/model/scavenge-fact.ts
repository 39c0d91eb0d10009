import { decodeFactTexts } from './fact.ts';

/** The stream of the facts about scavenges. */
export const SCAVENGES_STREAM = '$scavenges';

export const SCAVENGE_STARTED = '$scavengeStarted';
export const SCAVENGE_STOPPED = '$scavengeStopped';

/** What can be said about scavenges: one is to be made, or the last one ends where it is not through. */
export type ScavengeWord = 'start' | 'stop';

/** Whether the last word about scavenges is that one is to be made, which such a fact says. */
export function startsScavenge(event: Uint8Array): boolean | undefined {
  const kind = decodeFactTexts(event)?.kind;
  return kind === SCAVENGE_STARTED ? true : kind === SCAVENGE_STOPPED ? false : undefined;
}
