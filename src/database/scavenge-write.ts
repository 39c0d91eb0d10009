import type { Write } from '../model/append.ts';
import { encodeFact } from '../model/fact.ts';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED, SCAVENGES_STREAM, type ScavengeWord } from '../model/scavenge-fact.ts';

/** The write that a word about scavenges becomes: one fact. */
export function scavengeWrite(
  id: Uint8Array,
  word: ScavengeWord,
): { readonly fact: string; readonly write: Write; readonly eventBytes: number } {
  const kind = word === 'start' ? SCAVENGE_STARTED : SCAVENGE_STOPPED;
  const event = encodeFact(id, { kind, data: {} });
  const write: Write = { stream: SCAVENGES_STREAM, expect: { kind: 'any' }, events: [event] };
  return { fact: kind, write, eventBytes: event.length };
}
