import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEtcd } from '../etcd/cluster.ts';
import { findNats } from '../nats/cluster.ts';
import { FLOORS } from '../scenarios/floors.ts';
import { GROUPS } from '../scenarios/groups.ts';
import { describeMachine, load } from '../support/machine.ts';
import { Profiler } from '../support/profile.ts';
import { Bench, type Peers } from './bench.ts';
import { judge } from './floors.ts';
import type { BenchOptions } from './options.ts';
import { count, ms, type Report, reportText } from './report.ts';
import type { Figure, Measured, SystemName } from './result.ts';
import type { Group, Scenario } from './scenario.ts';

/** What the last measurement left behind (writes, compactions) gets this long to calm down. */
const PAUSE_MS = 500;
const PAUSE_QUICK_MS = 50;

/** A scenario that is ready, with the figure that its rounds go to. */
interface Ready {
  readonly scenario: Scenario;
  readonly figure: Figure;
  readonly measure: () => Promise<Measured>;
}

/** Measures the groups that the options name, group after group, and publishes what came out. */
export async function runGroups(options: BenchOptions): Promise<void> {
  const startedAt = new Date().toISOString();
  const machine = await describeMachine(tmpdir());
  const run = new Run(options);
  for (const group of GROUPS) {
    if (options.groups.length === 0 || options.groups.includes(group.name)) await run.group(group);
  }
  if (run.figures.length === 0) throw new Error('no scenario has such a name; without --only you see them all');
  const { rounds, heat, seconds, warmUpSeconds, seed } = options;
  const report: Report = {
    startedAt,
    machine,
    peers: { etcd: run.peers.etcd.version, nats: run.peers.nats.version },
    settings: { rounds, heat, seconds, warmUpSeconds, seed, quick: options.quick },
    loadAverages: [...run.loadAverages, load()],
    figures: run.figures,
    floors: judge(FLOORS, run.figures),
  };
  console.log(`\n${reportText(report)}`);
  write(report, options.out);
}

class Run {
  readonly figures: Figure[] = [];
  readonly loadAverages: number[] = [];
  readonly peers: Peers;
  private readonly options: BenchOptions;
  private readonly profiler: Profiler | undefined;
  private readonly missing: ReadonlySet<SystemName>;

  constructor(options: BenchOptions) {
    this.options = options;
    this.profiler = options.profile === undefined ? undefined : new Profiler(options.profile);
    this.peers = { etcd: findEtcd(options.etcd), nats: findNats(options.nats) };
    const missing = new Set<SystemName>();
    for (const [name, peer] of Object.entries(this.peers)) {
      if (peer.version !== undefined) continue;
      console.error(`skipped, every scenario of ${name}: ${peer.why}`);
      missing.add(name as SystemName);
    }
    this.missing = missing;
  }

  async group(group: Group): Promise<void> {
    const scenarios = group.scenarios(this.options).filter((scenario) => this.wanted(scenario));
    if (scenarios.length === 0) return;
    console.error(`${group.name}, load average ${load().toFixed(1)}`);
    const bench = new Bench(this.options, this.peers);
    try {
      const { heat, rounds } = group.rounds?.(this.options) ?? this.options;
      const ready: Ready[] = [];
      for (const scenario of scenarios) ready.push(await this.prepare(bench, group, scenario));
      await this.rounds(bench, ready, heat, rounds);
    } finally {
      await bench.dispose();
    }
  }

  private wanted({ name, system }: Scenario): boolean {
    const plain = (text: string) => text.replaceAll('×', 'x');
    const { only } = this.options;
    if (this.missing.has(system)) return false;
    return only.length === 0 || only.some((part) => plain(name).includes(plain(part)));
  }

  private async prepare(bench: Bench, group: Group, scenario: Scenario): Promise<Ready> {
    const { name, system, unit } = scenario;
    const figure = { group: group.name, name, system, unit, rounds: [] };
    this.figures.push(figure);
    return { scenario, figure, measure: await scenario.prepare(bench) };
  }

  private async rounds(bench: Bench, ready: readonly Ready[], heat: number, rounds: number): Promise<void> {
    for (let round = 1 - heat; round <= rounds; round++) {
      const counts = round > 0;
      if (counts) this.loadAverages.push(load());
      const name = counts ? `round ${round} of ${rounds}` : 'heating up';
      if (ready.length > 1) console.error(` ${name}, load average ${load().toFixed(1)}`);
      for (const { scenario, figure, measure } of ready) {
        await new Promise((resolve) => setTimeout(resolve, this.options.quick ? PAUSE_QUICK_MS : PAUSE_MS));
        const measured = await this.measured(bench, scenario, counts ? round : undefined, measure);
        console.error(`  ${line(scenario, measured)}`);
        if (counts) figure.rounds.push(measured);
      }
    }
  }

  private async measured(
    bench: Bench,
    { name, system }: Scenario,
    round: number | undefined,
    measure: () => Promise<Measured>,
  ): Promise<Measured> {
    try {
      const cluster = system === 'factstore' && round !== undefined ? bench.profiled : undefined;
      if (!this.profiler || !cluster) return await measure();
      const file = `${round}-${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
      return await this.profiler.during(file, cluster, measure);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function line({ name, unit }: Scenario, { value, latencyMs }: Measured): string {
  const show = unit.endsWith('/s') ? count : ms;
  const latency = latencyMs ? `, p50 ${ms(latencyMs.p50)} ms, p99 ${ms(latencyMs.p99)} ms` : '';
  return `${name.padEnd(44)} ${show(value).padStart(10)} ${unit}${latency}`;
}

function write(report: Report, out: string | undefined): void {
  if (out === 'none') return;
  const stamp = report.startedAt.slice(0, 19).replaceAll(':', '');
  const path = out ?? fileURLToPath(new URL(`../results/${stamp}.json`, import.meta.url));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nwritten to ${path}`);
}
