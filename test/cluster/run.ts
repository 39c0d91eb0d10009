import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { onEnd, runAndCleanUp } from '../../bench/support/cleanup.ts';
import { connect } from '../../src/client/index.ts';
import { chart } from './chart.ts';
import { type CheckResult, judge } from './check/judge.ts';
import { Violations } from './check/violations.ts';
import { Cluster } from './cluster.ts';
import type { FaultKind } from './faults/fault.ts';
import { finalLog } from './final-log.ts';
import type { History, LoggedEvent } from './history.ts';
import { type FaultWindow, Nemesis } from './nemesis.ts';
import { Observer } from './observer.ts';
import { parseOptions, type RunOptions } from './options.ts';
import { doneLine, type Skipped, slowestRecovery, writeReport } from './report.ts';
import { Workload } from './workload/workload.ts';

/** What a run gave. */
interface Run {
  readonly history: History;
  readonly log: readonly LoggedEvent[];
  readonly windows: readonly FaultWindow[];
  readonly elections: number;
  readonly results: readonly CheckResult[];
}

await runAndCleanUp(async () => {
  const options = parseOptions(process.argv.slice(2));
  const skipped: Skipped[] = [];
  const faults: FaultKind[] = [];
  for (const kind of options.faults) {
    const why = await kind.unavailable();
    if (why === undefined) faults.push(kind);
    else skipped.push({ kind: kind.name, why });
  }
  for (const { kind, why } of skipped) console.log(`skipped: the fault "${kind}": ${why}`);
  const cluster = await Cluster.start({
    size: options.nodes,
    smallDisks: faults.some(({ name }) => name === 'disk'),
  });
  onEnd(() => cluster.dispose());
  const run = await attack(cluster, faults, options);
  await conclude(cluster, run, skipped, options);
});

/** Load and faults at the same time, until the time is over; then everything is healed and read. */
async function attack(cluster: Cluster, kinds: readonly FaultKind[], options: RunOptions): Promise<Run> {
  const scratch = await mkdtemp(join(tmpdir(), 'factstore-faults-'));
  onEnd(() => rm(scratch, { recursive: true, force: true }));
  const [agreement, recovery] = [new Violations(), new Violations()];
  const watching = await connect(cluster.url(), { connectTimeoutMs: 30_000 });
  const observer = new Observer(watching, agreement);
  observer.start();
  const workload = await Workload.connect(cluster, options.seed);
  const { recorder } = workload;
  await workload.probe(30_000);
  const beganMs = performance.now();
  const nemesis = new Nemesis({
    ...{ cluster, observer, kinds, scratch, violations: recovery, seed: options.seed },
    probe: (timeoutMs) => workload.probe(timeoutMs),
    progress: (what) => console.log(`${((performance.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${what}`),
  });
  workload.start();
  await nemesis.run(beganMs + options.minutes * 60_000);
  if (kinds.length === 0) await new Promise((resolve) => setTimeout(resolve, options.minutes * 60_000));
  await workload.stopAsking();
  const log = await finalLog(cluster, workload, recovery);
  await observer.stop();
  await workload.close();
  await watching.close();
  const history: History = recorder;
  const [ends, surprises] = [new Violations(), new Violations()];
  for (const { node, lastLines } of cluster.unexpectedEnds)
    ends.add(`${node} ended by itself:\n${lastLines.join('\n')}`);
  for (const text of recorder.surprises) surprises.add(text);
  const results = [
    ...(log ? judge(history, log) : []),
    { title: 'a term has one leader, terms do not go back, there is one chain', violations: agreement },
    { title: 'after every fault the cluster comes back, and all nodes agree', violations: recovery },
    { title: 'no node ends by itself without a fault that explains it', violations: ends },
    { title: 'no call ends in an error that no fault explains', violations: surprises },
  ];
  return { history, log: log ?? [], windows: nemesis.windows, elections: observer.elections, results };
}

/** Says what was found, draws it, and keeps what is needed to look into a failure. */
async function conclude(cluster: Cluster, run: Run, skipped: readonly Skipped[], options: RunOptions): Promise<void> {
  const { history, windows, results } = run;
  const { out, seed, report } = options;
  await mkdir(out, { recursive: true });
  const figure = join(out, `seed-${seed}.svg`);
  await writeFile(figure, chart(`${options.nodes} nodes, seed ${seed}`, history.operations, windows));
  if (report !== undefined) await writeReport(report, results, skipped);
  const failed = results.filter(({ violations }) => violations.count > 0);
  for (const { title, violations } of results) {
    console.log(
      `${violations.count === 0 ? 'holds ' : 'BROKEN'}  ${title}${violations.count > 0 ? `: ${violations.count} times` : ''}`,
    );
    for (const text of violations.texts) console.log(`        ${text}`);
  }
  const slowest = slowestRecovery(windows);
  if (slowest)
    console.log(`slowest recovery: ${(slowest.recoveredMs - slowest.healedMs).toFixed(0)} ms after "${slowest.what}"`);
  console.log(`chart: ${figure}`);
  if (failed.length > 0) {
    const kept = join(out, `seed-${seed}`);
    await cluster.saveOutput(kept);
    await saveHistory(join(kept, 'history.jsonl'), run);
    const names = options.faults.map(({ name }) => name).join(',') || 'none';
    console.log(`kept: ${kept} (the history and what the nodes said)`);
    console.log(
      `repeat: npm run test:cluster -- --seed ${seed} --minutes ${options.minutes} --nodes ${options.nodes} --faults ${names}`,
    );
    process.exitCode = 1;
  }
  const verdict = failed.length === 0 ? 'every check holds' : `${failed.length} checks are BROKEN`;
  console.log(`${doneLine(history, windows, run.elections)}: ${verdict}`);
}

/** One object a line: operations, subscriptions, faults, the log. */
async function saveHistory(path: string, { history, windows, log }: Run): Promise<void> {
  const file = createWriteStream(path);
  for (const part of [history.operations, history.subscriptions, windows, log]) {
    for (const item of part) file.write(`${JSON.stringify(item)}\n`);
  }
  file.end();
  await finished(file);
}
