import { describe, expect, test } from 'vitest';
import { Bench } from '../../bench/harness/bench.ts';
import { judge } from '../../bench/harness/floors.ts';
import { drive, type Operation } from '../../bench/harness/load.ts';
import { parseOptions } from '../../bench/harness/options.ts';
import { figuresTable, markdown } from '../../bench/harness/report.ts';
import type { Figure } from '../../bench/harness/result.ts';
import { driveScan } from '../../bench/harness/scan.ts';
import { type Fixture, load, type System } from '../../bench/harness/scenario.ts';
import { plotsOf } from '../../bench/scenarios/plots.ts';

/** Long beside what a busy machine may keep a process waiting: an operation that is late for the end is not counted. */
const MEASURE_MS = 1_000;
const STALL_MS = 300;
const PLAN = { warmUpMs: 0, measureMs: MEASURE_MS, units: 1, servers: [] };

const soon: Operation = (done) => setImmediate(() => done());

describe('a load', () => {
  test('in a closed loop keeps as many operations under way as it was told', async () => {
    let open = 0;
    let most = 0;
    const operation: Operation = (done) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        done();
      });
    };
    const { units, written, value } = await drive(operation, { ...PLAN, shape: { inFlight: 7 } });
    expect(most).toBe(7);
    expect(open).toBe(0);
    expect(written).toBeGreaterThanOrEqual(units);
    expect(value).toBe(units / (MEASURE_MS / 1000));
  });

  test('in an open loop counts latency from when an operation was to begin, so that a stall is seen by all it held up', async () => {
    let first = true;
    const stalling: Operation = (done) => {
      const until = performance.now() + (first ? STALL_MS : 0);
      first = false;
      while (performance.now() < until);
      done();
    };
    const { units, latencyMs } = await drive(stalling, { ...PLAN, shape: { perSecond: 1_000 } });
    expect(units).toBeGreaterThan(STALL_MS);
    expect(latencyMs?.max).toBeGreaterThanOrEqual(STALL_MS - 1);
    // A third of all were to begin while the first one stalled; each waited a millisecond less than the one before it.
    expect(latencyMs?.p90).toBeGreaterThan(STALL_MS / 2);
  });

  test('ends with its first error', async () => {
    const failing: Operation = (done) => setImmediate(() => done(new Error('refused')));
    await expect(drive(failing, { ...PLAN, shape: { inFlight: 3 } })).rejects.toThrow('refused');
  });

  test('fails where the system has not written what was acknowledged', async () => {
    let stored = 0;
    const forgetful: Fixture<System> = {
      system: 'factstore',
      start: async () => ({ servers: [], written: async () => stored }),
    };
    const scenario = (written: number) =>
      load({
        name: 'appends',
        on: forgetful,
        shape: { inFlight: 1 },
        operation: () => (done) => {
          stored += written;
          setImmediate(() => done());
        },
      });
    const options = parseOptions(['--quick'], [], []);
    if (!options) throw new Error('no options');
    const none = { version: undefined, why: 'not asked for' };
    const bench = new Bench(options, { etcd: none, nats: none });
    const [honest, wrong] = [await scenario(1).prepare(bench), await scenario(0.5).prepare(bench)];
    expect((await honest()).units).toBeGreaterThan(0);
    await expect(wrong()).rejects.toThrow('were acknowledged, and the system counts');
  });
});

test('a scan fails where a whole one has not what was expected', async () => {
  const scan = async function* () {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => soon(() => resolve(undefined), 0));
      yield 2;
    }
  };
  expect((await driveScan(scan, { ...PLAN, expected: 6 })).units).toBeGreaterThan(6);
  await expect(driveScan(scan, { ...PLAN, expected: 7 })).rejects.toThrow('6 events, not 7');
});

describe('figures', () => {
  const figure = (name: string, system: Figure['system'], values: number[]): Figure => {
    const latencyMs = { p50: 1, p90: 2, p99: 3, p999: 4, max: 5 };
    const rounds = values.map((value) => ({ value, units: 10, latencyMs }));
    return { group: 'append', name, system, unit: 'events/s', rounds };
  };
  const figures = [
    figure('sdk × 1', 'factstore', [90, 100, 110]),
    figure('sdk × 64', 'factstore', [900, 1_000, 5_000]),
    figure('etcd put × 64', 'etcd', [400, 500, 600]),
    figure('a | b', 'raw', [1, 2, 3]),
    figure('c', 'nats', [1, 2, 3]),
  ];

  test('are judged by the ratio of their medians, with the ratios round by round beside it', () => {
    const floor = { what: 'sdk', figure: 'sdk × 64', against: 'etcd put × 64', least: 2.5 };
    expect(judge([floor], figures)).toMatchObject([{ got: 2, reached: false, perRound: { min: 2, max: 5_000 / 600 } }]);
    expect(judge([{ ...floor, least: 2 }], figures)[0]?.reached).toBe(true);
    expect(judge([{ ...floor, against: 'not measured' }], figures)).toEqual([]);
    const longest = { what: 'max', figure: 'sdk × 1', of: 'max', most: 109 } as const;
    expect(judge([longest], figures)).toMatchObject([{ got: 110, reached: false }]);
    expect(judge([{ what: 'p99', figure: 'sdk × 1', reading: 'p99', most: 3 }], figures)[0]?.reached).toBe(true);
  });

  test('are drawn and put into tables', () => {
    const plots = plotsOf(figures);
    expect(plots.map(({ file }) => file)).toEqual(['append-rate', 'append-latency', 'append-a-second']);
    for (const { svg } of plots) expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const lines = markdown(figuresTable(figures)).split('\n');
    expect(lines).toHaveLength(2 + figures.length);
    expect(lines[3]).toMatch(/^\| sdk × 64 +\| +events\/s \| +1,000 \| +900 – 5,000 \| +1\.00 \|/);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
    expect(lines[5]).toContain('a \\| b');
  });
});
