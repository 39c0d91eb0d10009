import { describe, expect, test } from 'vitest';
import { projectionAfter } from '../../src/model/projection.ts';
import { ProjectionChanges, type WantedChange } from '../../src/projection/changes.ts';
import type { ProjectionRegistry } from '../../src/projection/registry.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { turn } from '../storage/index/memory-store.ts';
import { FactLog } from './fact-log.ts';
import { openSmallProgram } from './small-program.ts';

const { signal } = new AbortController();
const SOURCE = '{ handle: (state) => state }';
const OTHER = '{ handle: (state) => ({ ...state }) }';
const CREATE = { kind: 'create', source: SOURCE, onError: 'fault' } as const;
const UPDATE = { kind: 'update', source: OTHER, onError: 'fault' } as const;

/** An append id, or none. */
function id(n = 0): Uint8Array {
  return n === 0 ? new Uint8Array(0) : new Uint8Array(16).fill(n);
}

test('P1: of two nodes that begin a generation anew the second one finds that it stands no more, and writes nothing', async () => {
  const created = projectionAfter(undefined, 'p', CREATE, { revision: 0, position: 10 });
  const reset = projectionAfter(created, 'p', { kind: 'reset' }, { revision: 1, position: 20 });
  const changes = new ProjectionChanges({
    registry: { find: () => reset } as unknown as ProjectionRegistry,
    clock: systemClock,
    openProgram: openSmallProgram,
    openRoute: () => {
      throw new Error('something is written');
    },
    linearize: async () => {},
    reached: async () => {},
    appended: async () => undefined,
    asOf: async () => undefined,
  });
  const again = (generation: number) =>
    changes.make('p', { kind: 'reset' }, id(), signal, (known) => known.active.generation === generation);
  expect(await again(0)).toEqual({ position: 20, generation: 1, repeated: true });
  await expect(again(1)).rejects.toThrow('something is written');
});

describe('a change of a projection that is made again with its append id', () => {
  test('gets the answer of the first one, whatever facts came since, and nothing is written [S6]', async () => {
    const log = new FactLog();
    const changes = log.changes();
    const make = (change: WantedChange, n: number) => changes.make('p', change, id(n), signal);
    const made: WantedChange[] = [
      CREATE,
      UPDATE,
      { kind: 'takeOver', generation: 1 },
      { kind: 'rollBack' },
      { kind: 'reset' },
      { kind: 'disable' },
      { kind: 'enable' },
      { kind: 'delete' },
      // One of the same name must neither be deleted by a repeat nor be taken for the first.
      CREATE,
    ];
    const first = [];
    for (const [n, change] of made.entries()) first.push(await make(change, n + 1));
    expect(first.map(({ generation }) => generation)).toEqual([0, 1, 1, 0, 4, 4, 4, 4, 8]);
    expect(first.map(({ position, repeated }) => [position, repeated])).toEqual(made.map((_, n) => [n + 1, false]));
    const known = log.find('p');
    for (const [n, change] of made.entries())
      expect(await make(change, n + 1)).toEqual({ ...first[n], repeated: true });
    expect(log.facts).toHaveLength(made.length);
    expect(log.find('p')).toEqual(known);
  });

  test('is refused where the id was used for another change, or for something else [S6]', async () => {
    const log = new FactLog();
    const changes = log.changes();
    log.appendOther(id(9));
    await changes.make('p', CREATE, id(1), signal);
    await changes.make('p', UPDATE, id(2), signal);
    await changes.make('p', { kind: 'takeOver', generation: 1 }, id(), signal);
    const others: [string, WantedChange, number][] = [
      ['p', { ...UPDATE, source: SOURCE }, 2],
      ['p', { ...UPDATE, onError: 'park' }, 2],
      ['p', { ...CREATE, source: OTHER }, 2],
      ['p', { kind: 'reset' }, 2],
      // Neither of these would do anything, or could be done, with an id of its own.
      ['p', { ...CREATE, source: OTHER }, 1],
      ['q', { kind: 'delete' }, 1],
      ['q', CREATE, 1],
      ['p', { kind: 'enable' }, 9],
    ];
    const written = log.facts.length;
    for (const [name, change, n] of others) {
      await expect(changes.make(name, change, id(n), signal)).rejects.toMatchObject({ code: 'APPEND_ID_REUSED' });
    }
    expect(log.facts).toHaveLength(written);
  });

  test('and is overtaken by another attempt, which knew of other facts, gets the answer of that one [S6]', async () => {
    const log = new FactLog();
    await log.changes().make('p', CREATE, id(), signal);
    let overtaking: unknown;
    log.delay = async () => {
      await log.changes().make('p', { kind: 'disable' }, id(), signal);
      overtaking = await log.changes().make('p', UPDATE, id(1), signal);
    };
    const overtaken = await log.changes().make('p', UPDATE, id(1), signal);
    expect(overtaking).toEqual({ position: 3, generation: 2, repeated: false });
    expect(overtaken).toEqual({ position: 3, generation: 2, repeated: true });
    expect(log.facts).toHaveLength(3);
  });

  test('without an error policy means what it meant the first time, whatever that has become [S6]', async () => {
    const log = new FactLog();
    const changes = log.changes();
    const update = () => changes.make('p', { kind: 'update', source: OTHER }, id(1), signal);
    await changes.make('p', { ...CREATE, onError: 'park' }, id(), signal);
    const first = await update();
    expect(log.find('p')?.building?.onError).toBe('park');
    await changes.make('p', UPDATE, id(), signal);
    await changes.make('p', { kind: 'takeOver', generation: 2 }, id(), signal);
    expect(await update()).toEqual({ ...first, repeated: true });
    await changes.make('p', { kind: 'delete' }, id(), signal);
    await changes.make('p', { kind: 'create', source: SOURCE }, id(), signal);
    expect(log.find('p')?.active.onError).toBe('fault');
  });
});

describe('the program of a change is run once before that is written, which takes a thread', () => {
  /** Programs that are open, each until it is closed by hand. */
  function byHand() {
    const open: Deferred<void>[] = [];
    const seen = { most: 0, count: 0 };
    const openProgram = async (source: string) => {
      const program = await openSmallProgram(source);
      const closed = deferred<void>();
      open.push(closed);
      seen.count++;
      seen.most = Math.max(seen.most, open.length);
      return Object.assign(program, { close: () => closed.promise });
    };
    return { open, seen, openProgram };
  }

  test('two at a time, whatever is asked at once; too many are refused, and none is lost [P5]', async () => {
    const log = new FactLog();
    const { open, seen, openProgram } = byHand();
    const changes = log.changes(openProgram);
    const outcomes = new Map<string, unknown>();
    const create = async (name: string) => {
      const outcome = await changes.make(name, CREATE, id(), signal).catch((error: unknown) => error);
      outcomes.set(name, outcome);
    };
    const names = Array.from({ length: 100 }, (_, n) => `p-${n}`);
    const all = Promise.all(names.map(create));
    const go = async (until: number) => {
      while (outcomes.size < until) {
        await turn();
        open.shift()?.resolve();
      }
    };
    await turn();
    const refused = [...outcomes.keys()];
    expect(refused).toHaveLength(34);
    for (const error of outcomes.values()) {
      expect(error).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('Nothing was written') });
    }
    await go(100);
    await all;
    expect(seen).toEqual({ most: 2, count: 66 });
    expect(log.facts).toHaveLength(66);
    outcomes.clear();
    const again = Promise.all(refused.map(create));
    await go(34);
    await again;
    expect(names.filter((name) => log.find(name) === undefined)).toEqual([]);
    expect(seen).toEqual({ most: 2, count: 100 });
  });

  test('and not at all where the change is known, or cannot be made, without it [P5, S6]', async () => {
    const log = new FactLog();
    const first = await log.changes().make('p', CREATE, id(1), signal);
    const changes = log.changes(() => {
      throw new Error('a program is opened');
    });
    expect(await changes.make('p', CREATE, id(1), signal)).toEqual({ ...first, repeated: true });
    await expect(changes.make('p', CREATE, id(2), signal)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect(changes.make('q', UPDATE, id(3), signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(changes.make('p', UPDATE, id(4), signal)).rejects.toThrow('a program is opened');
  });

  test('nor for one who waits no longer, of whom nothing is written either [P5]', async () => {
    const log = new FactLog();
    const { open, seen, openProgram } = byHand();
    const changes = log.changes(openProgram);
    const caller = new AbortController();
    const lasting = [1, 2].map((n) => changes.make(`p-${n}`, CREATE, id(), signal));
    const given = [3, 4, 5].map((n) => changes.make(`p-${n}`, CREATE, id(), caller.signal));
    const last = changes.make('p-6', CREATE, id(), signal);
    await turn();
    caller.abort();
    for (const change of given) await expect(change).rejects.toMatchObject({ code: 'CANCELLED' });
    for (const program of open.splice(0)) program.resolve();
    await Promise.all(lasting);
    await turn();
    for (const program of open.splice(0)) program.resolve();
    await last;
    expect(seen.count).toBe(3);
    expect(log.facts).toHaveLength(3);
  });
});
