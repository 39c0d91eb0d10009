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
];
