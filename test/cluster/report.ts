import { writeFile } from 'node:fs/promises';
import type { CheckResult } from './check/judge.ts';
import type { History } from './history.ts';
import type { FaultWindow } from './nemesis.ts';

/** A kind of fault that this machine does not have, and why. */
export interface Skipped {
  readonly kind: string;
  readonly why: string;
}

/** What was done, in one line. */
export function doneLine(history: History, windows: readonly FaultWindow[], elections: number): string {
  const appends = history.operations.filter(({ kind }) => kind === 'append');
  const count = (kind: string) => appends.filter(({ outcome }) => outcome.kind === kind).length;
  const reads = history.operations.length - appends.length;
  const messages = history.subscriptions.reduce((sum, subscription) => sum + subscription.messages.length, 0);
  const faults = new Map<string, number>();
  for (const kind of windows.flatMap(({ kinds }) => kinds)) faults.set(kind, (faults.get(kind) ?? 0) + 1);
  const told = [...faults].map(([kind, times]) => `${times} ${kind}`).join(', ') || 'none';
  return (
    `${history.operations.length} operations (${appends.length} appends: ${count('appended')} acknowledged, ` +
    `${count('conflict')} conflicts, ${count('refused')} refused, ${count('unknown')} open; ${reads} reads), ` +
    `${messages} messages of ${history.subscriptions.length} subscriptions; faults: ${told}; ` +
    `${elections} terms with a leader`
  );
}

/** The longest time from the healing of a fault to the next success. */
export function slowestRecovery(windows: readonly FaultWindow[]): FaultWindow | undefined {
  return [...windows].sort((a, b) => b.recoveredMs - b.healedMs - (a.recoveredMs - a.healedMs))[0];
}

/** In the form in which vitest reports tests, so that both can be counted together: each check is a test. */
export async function writeReport(
  path: string,
  results: readonly CheckResult[],
  skipped: readonly Skipped[],
): Promise<void> {
  const checks = results.map(({ title, violations }) => ({
    fullName: `cluster: ${title}`,
    status: violations.count === 0 ? 'passed' : 'failed',
    failureMessages: violations.texts,
  }));
  const left = skipped.map(({ kind, why }) => ({
    fullName: `cluster: the fault "${kind}": ${why}`,
    status: 'skipped',
  }));
  const report = {
    numPassedTests: checks.filter(({ status }) => status === 'passed').length,
    numFailedTests: checks.filter(({ status }) => status === 'failed').length,
    numPendingTests: left.length,
    numTodoTests: 0,
    testResults: [{ name: 'test/cluster', assertionResults: [...checks, ...left] }],
  };
  await writeFile(path, JSON.stringify(report));
}
