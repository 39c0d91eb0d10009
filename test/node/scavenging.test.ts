import { describe, expect, test } from 'vitest';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED } from '../../src/model/scavenge-fact.ts';
import { Scavenging, type ScavengingPorts } from '../../src/node/scavenging.ts';
import type { ScavengeState } from '../../src/scavenge/scavenger.ts';

/** Why a leader takes no such fact, as far as it is itself; undefined: it takes it. */
function refusal(kind: string, state: ScavengeState, canBeStopped: boolean): string | undefined {
  const scavenger = { status: { state, point: 7, through: 1, to: 9 }, canBeStopped };
  return new Scavenging({ scavenger } as unknown as ScavengingPorts).refusalOf(kind, false)?.message;
}

describe('a leader', () => {
  test.each<[ScavengeState, boolean]>([
    ['none', false],
    ['stopped', false],
    ['done', false],
  ])('refuses a stop where nothing runs: %s [R2]', (state, canBeStopped) => {
    expect(refusal(SCAVENGE_STOPPED, state, canBeStopped)).toMatch(/none is running/);
    expect(refusal(SCAVENGE_STARTED, state, canBeStopped)).toBeUndefined();
  });

  test('takes a stop of a scavenge that it has done itself: others may still be at it [R2]', () => {
    expect(refusal(SCAVENGE_STOPPED, 'done', true)).toBeUndefined();
  });

  test('refuses a second start, and says where the first cannot be stopped as it is gone on with behind a stop [R2]', () => {
    expect(refusal(SCAVENGE_STARTED, 'running', true)).toMatch(/up to position 7.*Wait until it is done, or stop it\./);
    expect(refusal(SCAVENGE_STARTED, 'running', false)).toMatch(/up to position 7.*Wait until it is done\./);
    expect(refusal(SCAVENGE_STOPPED, 'running', false)).toMatch(/was stopped already.*up to position 7/);
  });
});
