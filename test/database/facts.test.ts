import { describe, expect, it } from 'vitest';
import type { AppendLane } from '../../src/database/append-lane.ts';
import { Facts, type FactsOptions } from '../../src/database/facts.ts';
import { Reads } from '../../src/database/reads.ts';
import type { Append } from '../../src/model/append.ts';
import { checkNewEvent } from '../../src/model/event.ts';
import { encodeFact, FEATURES_STREAM, LEVEL_RAISED } from '../../src/model/fact.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { logging } from '../peer/support.ts';
import { feed, LogFixture, uuid } from '../storage/index/log-fixture.ts';
import { MemoryStore } from '../storage/index/memory-store.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

function facts(options: Partial<FactsOptions> = {}) {
  const { logger, lines } = logging();
  return { facts: new Facts({ founded: 1, known: 3, logger, ...options }), lines };
}

const event = (kind: string, data: unknown) => encodeFact(uuid(1), { kind, data });

/** Keeps what is appended. */
function lane() {
  const appended: Append[] = [];
  const append = async (one: Append) => void appended.push(one);
  return { lane: { append } as unknown as AppendLane, appended };
}

describe('the feature level', () => {
  it('follows the facts in the log and never falls [S16]', () => {
    const { facts: made } = facts();
    const seen = [2, 1, 3, 2].map((level) => {
      made.applied(event(LEVEL_RAISED, { level }));
      return made.level;
    });
    expect(seen).toEqual([2, 2, 3, 3]);
  });

  it('that this version does not know stops it, in the log and in the founding record [S16]', () => {
    const { facts: made } = facts();
    const error = expect.objectContaining({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/is at feature level 4, but this version of factstore knows levels up to 3/),
    });
    expect(() => made.applied(event(LEVEL_RAISED, { level: 4 }))).toThrow(error);
    expect(() => facts({ founded: 4 })).toThrow(error);
  });

  it('is found again in the index after a start, also behind a fact that is not understood [S16]', async () => {
    const log = new LogFixture();
    const store = new MemoryStore();
    const options = { blockEvents: 4 };
    const fill = (stream: string, type: string, data: unknown) =>
      log.append({ writes: [{ stream, events: [{ type, data: Buffer.from(JSON.stringify(data)) }] }] });
    fill(FEATURES_STREAM, LEVEL_RAISED, { level: 2 });
    fill(FEATURES_STREAM, LEVEL_RAISED, { level: 'high' });
    for (let n = 0; n < 6; n++) fill('a', 'A', n);
    const first = await EventIndex.open(store, log.chainAt, options);
    await feed(first, log);
    await first.idle();
    const index = await EventIndex.open(store, log.chainAt, options);
    expect(index.sealedBlocks).toBe(2);
    const reader = new EventReader({ log, recent: () => undefined, yieldTurn: async () => {} });
    const ports = { get: (at: number) => log.get(at), findByTime: async () => undefined };
    const reads = new Reads(index, reader, ports, new VirtualTime().clock());
    const { facts: made } = facts();
    await made.load(reads);
    expect(made.level).toBe(2);
    await expect(facts({ known: 1 }).facts.load(reads)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });
});

describe('a fact', () => {
  const kinds = { [LEVEL_RAISED]: 1, $Newer: 2 };

  it('of a new kind is written only once the feature level allows it [S16]', async () => {
    const { facts: made } = facts({ kinds });
    const { lane: to, appended } = lane();
    await expect(made.write(to, '$things', { kind: '$Newer', data: {} })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/^\$Newer needs feature level 2, but the cluster is at 1: .* raise-level/),
    });
    await expect(made.write(to, '$things', { kind: '$Foreign', data: {} })).rejects.toThrow(/\$Foreign needs/);
    expect(appended).toEqual([]);
    made.applied(event(LEVEL_RAISED, { level: 2 }));
    await made.write(to, '$things', { kind: '$Newer', data: { a: 1 } });
    expect(appended).toMatchObject([{ writes: [{ stream: '$things' }], eventCount: 1 }]);
    // But for its name it is an event as every other.
    const [bytes] = appended[0]!.writes[0]!.events;
    expect(() => checkNewEvent('event', bytes!)).toThrow(/"\$Newer" is reserved/);
  });

  it('that cannot be understood is ignored and alarmed [S16]', () => {
    const { facts: made, lines } = facts({ kinds });
    const bad = [
      event('$Unknown', {}),
      event(LEVEL_RAISED, { level: '2' }),
      event(LEVEL_RAISED, null),
      event(LEVEL_RAISED, { level: 1.5 }),
      encodeFact(uuid(1), { kind: '$Newer', data: undefined }),
      Buffer.from('garbage'),
    ];
    for (const bytes of bad) made.applied(bytes);
    expect(made.level).toBe(1);
    expect(lines.map(({ level, event: name }) => `${level} ${name}`)).toEqual(
      bad.map(() => 'error fact.notUnderstood'),
    );
    made.applied(event('$Newer', {}));
    expect(lines).toHaveLength(bad.length);
  });
});
