import type { Mutant } from '../mutant.ts';

export const SUBSCRIPTION_MUTANTS: readonly Mutant[] = [
  {
    id: 'caught-up-too-early',
    file: 'src/subscription/subscription.ts',
    search: '      if (cursor < fresh) {',
    replacement: '      if (cursor < 0) {',
    bug: 'a subscription on a node that lags says that it has caught up',
    rule: 'Q3',
    test: 'subscription/following.test.ts',
  },
  {
    id: 'live-events-skipped',
    file: 'src/subscription/subscription.ts',
    search: '    await source.head.reached(cursor + 1, signal);',
    replacement:
      '    await source.head.reached(cursor + 1, signal);\n    cursor = Math.max(cursor, source.head.value - 1);',
    bug: 'what is appended in a burst reaches a subscription in part',
    rule: 'Q3',
    test: 'subscription/following.test.ts',
  },
  {
    id: 'followed-without-end',
    file: 'src/runtime/open-calls.ts',
    search: '    for (const call of this.open) call.abort();\n',
    replacement: '',
    bug: 'who follows through a node that was removed or fenced hears nothing more, and no error',
    rule: 'Q3',
    test: 'subscription/following.test.ts',
  },
  {
    id: 'checkpoint-of-any-cluster',
    file: 'src/database/subscribing.ts',
    search: '    await this.checkLineage(position, request.afterClusterId, signal);\n',
    replacement: '',
    bug: 'after a recovery, a consumer skips what the new history has up to its checkpoint',
    rule: 'R3',
    test: 'subscription/lineage.test.ts',
  },
  {
    id: 'lineage-judged-while-behind',
    file: 'src/database/subscribing.ts',
    search: '    await this.freshHead(signal);\n    const lineage',
    replacement: '    const lineage',
    bug: 'a node that lags refuses for good a checkpoint that its cluster shares',
    rule: 'R3',
    test: 'subscription/lineage.test.ts',
  },
  {
    id: 'nearest-ancestor-alone',
    file: 'src/peer/lineage.ts',
    search: 'Math.min(...lineage.ancestors.slice(at).map(({ position }) => position))',
    replacement: '(lineage.ancestors[at]?.position ?? 0)',
    bug: 'a checkpoint counts that the first recovery took over, and a later one did not',
    rule: 'R3',
    test: 'subscription/lineage.test.ts',
  },
];
