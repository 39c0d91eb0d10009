import { afterEach, describe, expect, it } from 'vitest';
import { openProgram, PROGRAM_LIMITS, type Program } from '../../src/projection/program.ts';
import { Sandbox } from '../../src/projection/sandbox/sandbox.ts';
import { type SandboxHolder, SandboxMemory } from '../../src/projection/sandbox-memory.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

const MIB = 1 << 20;

class Holder implements SandboxHolder {
  memoryBytes: number;
  begunAnew = 0;

  constructor(mib: number) {
    this.memoryBytes = mib * MIB;
  }

  giveBack(): void {
    this.begunAnew++;
  }
}

function holding(...mib: number[]) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const memory = new SandboxMemory(100 * MIB, clock);
  const holders = mib.map((each) => new Holder(each));
  for (const holder of holders) memory.add(holder);
  return { clock, memory, holders, begunAnew: () => holders.map(({ begunAnew }) => begunAnew) };
}

describe('the memory of all sandboxes', () => {
  it('is left to them up to its bound', () => {
    const { memory, begunAnew } = holding(50, 50);
    memory.check();
    expect(begunAnew()).toEqual([0, 0]);
  });

  it('is given back by the one that has taken most, whoever asks', () => {
    const { memory, begunAnew } = holding(20, 61, 20);
    memory.check();
    expect(begunAnew()).toEqual([0, 1, 0]);
  });

  it('is not asked back of small ones, which could give nothing', () => {
    const { memory, begunAnew } = holding(30, 30, 30, 30);
    memory.check();
    expect(begunAnew()).toEqual([0, 0, 0, 0]);
  });

  it('is asked back once a second at most', () => {
    const { clock, memory, begunAnew } = holding(60, 70);
    memory.check();
    clock.nowMs += 999;
    memory.check();
    expect(begunAnew()).toEqual([0, 1]);
    clock.nowMs += 1;
    memory.check();
    expect(begunAnew()).toEqual([0, 2]);
  });

  it('is not counted of those that have ended', () => {
    const { memory, holders, begunAnew } = holding(60, 70);
    memory.remove(holders[1] as Holder);
    memory.check();
    expect(begunAnew()).toEqual([0, 0]);
  });
});

describe('a node whose projections take more than it may give them', () => {
  let nodes: TestNodes | undefined;
  afterEach(() => nodes?.dispose());

  it('begins the largest anew, also where that is idle, and comes to the same states', async () => {
    const opened: string[] = [];
    const open = async (source: string): Promise<Program> => {
      const program = await openSmallProgram(source);
      opened.push(source);
      let mib = 16;
      return {
        description: program.description,
        get memoryBytes() {
          return mib * MIB;
        },
        process(events, load) {
          mib += 10 * events.filter(({ type }) => type === 'Large').length;
          return program.process(events, load);
        },
        close: () => program.close(),
      };
    };
    nodes = await TestNodes.prepare(1);
    await nodes.startNode(0, { projectionMemoryBytesMax: 64 * MIB }, { openProgram: open });
    const db = await nodes.client();
    const counting = "{ handledTypes: ['Large'], handle: (state = 0) => state + 1 }";
    await db.projections.create('large', counting);
    await db.projections.create('other', '{ handle: (state = 0) => state + 1 }');
    const before = opened.filter((source) => source === counting).length;
    await db.append(
      'a',
      Array.from({ length: 4 }, () => ({ type: 'Large' })),
    );
    const first = await db.head();
    for (const name of ['large', 'other']) await db.projections.state(name, '', { atLeast: first });
    while (opened.filter((source) => source === counting).length === before) {
      await db.append('a', [{ type: 'Other' }]);
      await db.projections.state('other', '', { atLeast: await db.head() });
    }
    await db.append('a', [{ type: 'Large' }]);
    const position = await db.head();
    expect((await db.projections.state('large', '', { atLeast: position })).state).toBe(5);
  });
});

describe('a thread whose projection is closed', () => {
  const close = async (source: string) => {
    const { sandbox, answer } = await Sandbox.start(source, PROGRAM_LIMITS);
    expect(answer.kind).toBe('opened');
    await sandbox.release();
    return sandbox.ended;
  };

  it('waits for the next one', async () => {
    expect(await close('fromAll().when({ $any() {} })')).toBe(false);
  });

  it('is ended where that has taken much memory, which an idle one would never give back', async () => {
    expect(await close("const much = 'x'.repeat(40 << 20); fromAll().when({ $any: () => much.length })")).toBe(true);
  });
});

describe('a handler that takes all of the memory there is', () => {
  let nodes: TestNodes | undefined;
  afterEach(() => nodes?.dispose());

  it('stops this node before its event, which is not parked as one that throws would be [P4]', async () => {
    nodes = await TestNodes.prepare(1);
    const limits = { ...PROGRAM_LIMITS, memoryBytesMax: 32 * MIB };
    await nodes.startNode(0, {}, { openProgram: (source: string) => openProgram(source, limits) });
    const db = await nodes.client();
    // Of this there is not even enough left for an error: QuickJS throws null.
    const source = 'fromAll().when({ $any() { let last = null; for (;;) last = { last } } })';
    await db.projections.create('eats', source, { onError: 'park' });
    await db.append('a', [{ type: 'Happened' }]);
    const { active, parked } = await until('it stands still', async () => {
      const info = await db.projections.get('eats');
      return (info.active?.fault || info.parked.length > 0) && info;
    });
    expect(parked).toEqual([]);
    expect(active?.fault?.message).toContain('needs more than 32 MiB of memory');
  });
});
