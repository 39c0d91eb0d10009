import { afterEach, describe, expect, it, vi } from 'vitest';
import { Conditions } from '../../src/database/conditions.ts';
import { Reads } from '../../src/database/reads.ts';
import { Raft } from '../../src/raft/raft.ts';
import { Proposals } from '../../src/replica/proposals.ts';
import { RaftDriver } from '../../src/replica/raft-driver.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Watched } from '../../src/runtime/watched.ts';
import { Sequencer } from '../../src/sequencer/sequencer.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { OpenBlock } from '../../src/storage/index/open-block.ts';
import { drawPlan, type Profile } from './plan.ts';
import { Simulation } from './simulation.ts';

/** A promise that a broken node breaks has to be seen to be broken within so many seeds. */
const SEEDS_MAX = 150;

/** A method of the product, private ones too, in the hands of a test that breaks it. */
type Loose = Record<string, (...args: never[]) => unknown>;

type Method = (...args: unknown[]) => AsyncIterable<{ events: unknown[]; lookedTo: number }>;

function breakMethod(prototype: object, name: string, broken: (original: Method) => unknown): void {
  const original = (prototype as Loose)[name] as unknown as Method;
  vi.spyOn(prototype as Loose, name).mockImplementation(broken(original) as never);
}

async function* violations(profile?: Profile): AsyncGenerator<string> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violation } = await new Simulation(drawPlan({ seed, profile })).run();
    if (violation !== undefined) yield violation;
  }
}

async function firstViolation(profile?: Profile): Promise<string> {
  for await (const violation of violations(profile)) return violation;
  return 'none';
}

async function isSeen(symptom: RegExp): Promise<boolean> {
  for await (const violation of violations()) if (symptom.test(violation)) return true;
  return false;
}

const BROKEN: readonly [what: string, breakIt: () => void, seen: RegExp, profile?: Profile][] = [
  [
    'changes the members while another change is under way',
    () =>
      breakMethod(Raft.prototype, 'changeRefusal', (changeRefusal) => {
        return function (this: unknown, to: unknown) {
          const refusal = changeRefusal.call(this, to) as unknown as string | undefined;
          return refusal?.includes('another change') ? undefined : refusal;
        };
      }),
    /changes the members in a way that is none|changes the members by no step|was applied while only/,
    'members',
  ],
  [
    'acknowledges entries before they are synced',
    () =>
      breakMethod(RaftDriver.prototype, 'startWrite', (startWrite) => {
        return function (this: { send(messages: unknown): void }, batch: { messagesAfter: unknown }) {
          this.send(batch.messagesAfter);
          startWrite.call(this, { ...batch, messagesAfter: [] });
        };
      }),
    /was applied while only .* had it on disk/,
  ],
  [
    'reads without asking the leader',
    () => breakMethod(Replica.prototype, 'linearize', () => async () => undefined),
    /a linearizable read at \d+, outside of|lies beyond the head of the cluster/,
  ],
  [
    'rejects without confirming that it leads',
    () => breakMethod(Replica.prototype, 'confirm', () => async () => undefined),
    /was refused as of/,
  ],
  [
    'takes any entry at the place of a proposal for the proposal',
    () =>
      breakMethod(Proposals.prototype, 'applied', () => {
        return function (
          this: { open: Map<number, { outcome: { resolve(v: unknown): void } }> },
          record: { index: number },
        ) {
          this.open.get(record.index)?.outcome.resolve(record);
          this.open.delete(record.index);
        };
      }),
    /is not committed|was answered at/,
  ],
  [
    'does not look at conditions',
    () =>
      breakMethod(Conditions.prototype, 'seeAtOnce', () => {
        return function (this: { index: EventIndex }, conditions: unknown[]) {
          return { position: this.index.head, matched: conditions.map(() => false) };
        };
      }),
    /matches \{"query"/,
  ],
  [
    'leaves the first event out of what a subscription finds',
    () =>
      breakMethod(Reads.prototype, 'behind', (behind) => {
        return async function* (this: Reads, ...args: unknown[]) {
          for await (const { events, lookedTo } of behind.apply(this, args))
            yield { events: events.slice(1), lookedTo };
        };
      }),
    /a subscription delivered/,
  ],
  [
    'does not index append ids',
    () => breakMethod(OpenBlock.prototype, 'addAppendId', () => () => undefined),
    /does not know the append|is in the log twice|its index has/,
  ],
  [
    'tells nobody that the head has moved',
    () => breakMethod(Watched.prototype, 'raise', () => () => undefined),
    /not within \d+ s/,
  ],
];

describe('the simulator notices a node that', () => {
  afterEach(() => vi.restoreAllMocks());

  // A repeat that expects a revision is refused, as the first attempt has moved the stream on; any other is written again.
  it.each([/is in the log twice/, /was answered and then refused/])(
    'does not look for a repeated append: %s',
    async (symptom) => {
      breakMethod(Sequencer.prototype, 'inFlight', () => () => undefined);
      breakMethod(EventIndex.prototype, 'findAppendId', () => () => []);
      expect(await isSeen(symptom)).toBe(true);
    },
    120_000,
  );

  for (const [what, breakIt, seen, profile] of BROKEN) {
    it(what, async () => {
      breakIt();
      expect(await firstViolation(profile)).toMatch(seen);
    }, 120_000);
  }
});
