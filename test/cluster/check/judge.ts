import type { History, LoggedEvent } from '../history.ts';
import { CommittedBounds } from './committed-bounds.ts';
import { checkLinearizable } from './linearizability.ts';
import { checkAppendOrder, checkConflicts, checkFates, checkShape, FinalLog } from './log.ts';
import { checkReads } from './reads.ts';
import { callsByStream, StreamModel } from './stream-model.ts';
import { checkSubscriptions } from './subscriptions.ts';
import { Violations } from './violations.ts';

/** The result of one check of a run. */
export interface CheckResult {
  readonly title: string;
  readonly violations: Violations;
}

const STEPS_MAX = 2_000_000;

/** All checks of what clients saw, against the log as it was read when everything was over. */
export function judge(history: History, events: readonly LoggedEvent[]): CheckResult[] {
  const log = new FinalLog(events);
  const bounds = new CommittedBounds(history, events);
  const check = (title: string, run: (violations: Violations) => void): CheckResult => {
    const violations = new Violations();
    run(violations);
    return { title, violations };
  };
  return [
    check('positions and revisions are contiguous, and no event is there twice', (v) => checkShape(log, v)),
    check('acknowledged appends are at their places, once, and refused ones nowhere', (v) =>
      checkFates(log, history, v),
    ),
    check('the order of the log agrees with real time', (v) => checkAppendOrder(log, history, bounds, v)),
    check('conflicts are told on the log as it was', (v) => checkConflicts(log, history, bounds, v)),
    check('reads show the log, as fresh as they promise', (v) => checkReads(log, history, bounds, v)),
    check('subscriptions give every event once, in order', (v) => checkSubscriptions(log, history, bounds, v)),
    check('every stream is linearizable', (v) => checkStreams(history, events, v)),
  ];
}

function checkStreams(history: History, log: readonly LoggedEvent[], violations: Violations): void {
  for (const [stream, calls] of callsByStream(history, log)) {
    const verdict = checkLinearizable(new StreamModel(), calls, STEPS_MAX);
    if (verdict.kind === 'violation')
      violations.add(`${stream}: nothing explains ${JSON.stringify(verdict.stuck)} among ${calls.length} operations`);
    // A check that gave up has shown nothing; the workload keeps streams small enough for it not to.
    if (verdict.kind === 'undecided')
      violations.add(`${stream}: undecided after ${verdict.steps} steps over ${calls.length} operations`);
  }
}
