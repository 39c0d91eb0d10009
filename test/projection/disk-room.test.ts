import { expect, test } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { recordedLength, writeRecordedEvent } from '../../src/model/event.ts';
import { encodeFactTexts } from '../../src/model/fact.ts';
import { type Projection, projectionAfter } from '../../src/model/projection.ts';
import { GenerationStore } from '../../src/projection/generation-store.ts';
import { GenerationRunner, type RunnerPorts } from '../../src/projection/runner.ts';
import { fetchState, type StatePeer } from '../../src/projection/state-fetch.ts';
import { Watched } from '../../src/runtime/watched.ts';
import type { ReadBatch } from '../../src/storage/index/event-reader.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { VirtualTime } from '../support/virtual-clock.ts';
import { openSmallProgram } from './small-program.ts';

const EVENTS = 20;
const SOURCE = '{ handle: (state = 0) => state + 1, partition: ({ revision }) => String(revision % 5n) }';
const PLACE = { revision: 0, position: 1 };
const NOTHING_ERASED = { point: 0, begun: false, pending: false, erased: 0, stub: 0 };

function eventAt(position: number): Uint8Array {
  const event = encodeFactTexts(new Uint8Array(16), { kind: 'Happened', data: '{}' });
  const stream = encodeUtf8('a');
  const recorded = new Uint8Array(recordedLength(event, stream, position - 1, position, 1));
  writeRecordedEvent(recorded, 0, event, stream, position - 1, position, 1);
  return recorded;
}

async function* allEvents(from: number): AsyncGenerator<ReadBatch> {
  const positions = Array.from({ length: EVENTS + 1 - from }, (_, n) => from + n);
  const append = { id: new Uint8Array(16), producer: undefined };
  const events = positions.map((position) => ({
    ...{ bytes: eventAt(position), position, revision: position - 1, append, erased: false },
  }));
  yield { events, next: EVENTS + 1, lookedTo: EVENTS };
}

/** A generation on a disk that has as much space as a test says; a peer has a state of the events up to the last one. */
async function aRun(erased = NOTHING_ERASED) {
  const time = new VirtualTime();
  const clock = time.clock();
  const disk = { enough: false, asked: 0, writes: 0 };
  const store = new MemoryStore();
  const write = store.write.bind(store);
  store.write = (operations, sync) => {
    disk.writes++;
    return write(operations, sync);
  };
  const given = await GenerationStore.open(new MemoryStore(), 'p', 0);
  const changed = new Map(
    Array.from({ length: 3_000 }, (_, n) => [`q-${n}`, { state: encodeUtf8('1'), result: null }]),
  );
  await given.commit({ position: EVENTS, emitted: 0, changed, parked: [], outbox: new Map() }, true);
  const peer: StatePeer = {
    nodeId: 'n2',
    async *give() {
      for await (const piece of given.copy()) {
        yield piece;
        if (disk.asked++ === 0 && erased.stub > 0) disk.enough = false;
      }
    },
  };
  const silent = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, child: () => silent } as never;
  const ports = {
    clock,
    logger: silent,
    head: new Watched(EVENTS),
    reader: { readAll: (_: unknown, { from }: { from: number }) => allEvents(from) },
    view: () => ({ head: EVENTS }),
    openProgram: openSmallProgram,
    sandboxes: { through: (work: () => unknown) => work() },
    sandboxMemory: { add() {}, remove() {}, check() {} },
    cursor: async () => 0,
    enoughSpace: async () => disk.enough,
    upToDate: async () => {},
    erasures: () => erased,
    chainAt: async () => undefined,
    hasStubs: async () => false,
    fetchState: (...[wanted, install, signal]: Parameters<RunnerPorts['fetchState']>) =>
      fetchState([peer], wanted, install, signal),
    beginAnew: async () => {},
    fatal: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as RunnerPorts;
  const projection = projectionAfter(undefined, 'p', { kind: 'create', source: SOURCE, onError: 'fault' }, PLACE);
  const own = await GenerationStore.open(store, 'p', 0);
  const { active } = projection as Projection;
  const runner = new GenerationRunner(ports, projection as Projection, active, own, {
    range: () => ({ until: Number.POSITIVE_INFINITY, segments: [] }),
    stepped: () => {},
    replaced: () => {},
  });
  runner.start();
  return { runner, disk, time };
}

test('a projection writes nothing while the disk is nearly full, says so, and goes on once there is space [D1]', async () => {
  const { runner, disk, time } = await aRun();
  await time.run(5_000);
  expect(disk.writes).toBe(0);
  expect(runner.checkpoint.value).toBe(0);
  expect(runner.waitsFor).toMatch(/disk of this node is nearly full/);
  disk.enough = true;
  await time.run(1_000);
  expect(runner.checkpoint.value).toBe(EVENTS);
  expect(runner.waitsFor).toBeUndefined();
  const stopped = runner.stop();
  await time.run(1_000);
  await stopped;
});

test('a state of another node is not taken over for which the disk has no room, nor any more of one [D1]', async () => {
  const { runner, disk, time } = await aRun({ ...NOTHING_ERASED, stub: EVENTS });
  await time.run(5_000);
  expect(disk.asked + disk.writes).toBe(0);
  expect(runner.waitsFor).toMatch(/to come from another node, but the disk of this node is nearly full/);
  // Space that ends while it comes.
  disk.enough = true;
  await time.run(5_000);
  expect(disk.asked).toBe(1);
  expect(runner.lacking).toBe(true);
  expect(runner.waitsFor).toMatch(/to come from another node, but the disk of this node is nearly full/);
  disk.enough = true;
  await time.run(5_000);
  expect(runner.lacking).toBe(false);
  expect(runner.checkpoint.value).toBe(EVENTS);
  const stopped = runner.stop();
  await time.run(1_000);
  await stopped;
});
