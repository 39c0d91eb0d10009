import { afterEach, describe, expect, it } from 'vitest';
import type { Projection } from '../../src/model/projection.ts';
import { type EmittedSegment, Emitter } from '../../src/projection/emitter.ts';
import type { GenerationRunner } from '../../src/projection/runner.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { logging } from '../peer/support.ts';
import { until } from '../support/wait.ts';

let emitter: Emitter | undefined;
afterEach(() => emitter?.stop());

/** A generation that stands still at a checkpoint, for a reason of this node's own, and has nothing left to send. */
function standing(checkpoint: number) {
  const trimmedTo: number[] = [];
  const runner = {
    ...{ lacking: false, checkpoint: { value: checkpoint }, faulted: { kind: 'timeLimit', position: 41n } },
    hasEmittedTo: () => false,
    store: { outboxRows: 0, trimOutbox: async (to: number) => void trimmedTo.push(to), outbox: async () => [] },
  };
  return { runner: runner as unknown as GenerationRunner, trimmedTo };
}

/** The emitter of a node whose first generation stands still at 40 of its span up to 100, while the cursor is there. */
function emittingAt(cursor: number) {
  const [first, second] = [standing(40), standing(200)];
  const segments: EmittedSegment[] = [
    { generation: 1, runner: first.runner, after: 0, until: 100 },
    { generation: 7, runner: second.runner, after: 100, until: Number.POSITIVE_INFINITY },
  ];
  const { logger, lines } = logging();
  const openRoute = () => expect.unreachable('there is nothing to send');
  const ports = { clock: systemClock, logger, leads: () => true, cursor: async () => cursor, openRoute };
  emitter = new Emitter(ports, { name: 'p', id: 'p' } as unknown as Projection, () => segments);
  return { emitter, second, lines };
}

describe('a generation whose predecessor stands still on this node', () => {
  it('waits for it, and says so, while some of its span may be missing [P2]', async () => {
    const { emitter, second } = emittingAt(80);
    await until('it has looked', () => emitter.sends !== undefined);
    expect([emitter.sends, emitter.standsStill, second.trimmedTo]).toEqual([1, true, []]);
  });

  it('goes on where another node has sent all of that span: the cursor has passed it [P2]', async () => {
    const { emitter, second, lines } = emittingAt(100);
    await until('it has come to the next one', () => second.trimmedTo.length > 0);
    expect(emitter.sends).toBe(7);
    expect(second.trimmedTo[0]).toBe(100);
    // Nothing was cut short.
    expect(lines).toEqual([]);
  });
});
