import { unreachable } from '../base/assert.ts';
import type { Expectation } from '../model/append.ts';
import type { StreamHead } from '../model/stream.ts';

/**
 * Whether a stream is as an append expects it (the table of rule S10). `writes` tells a stream that gets events from one
 * that is only checked: of a tombstoned stream one may still say `any` when it is only checked.
 */
export function holds(expect: Expectation, head: StreamHead, writes: boolean): boolean {
  if (head.state === 'tombstoned') return !writes && expect.kind === 'any';
  switch (expect.kind) {
    case 'any':
      return true;
    case 'none':
      return head.state !== 'exists';
    case 'exists':
      return head.state === 'exists';
    case 'revision':
      return head.state !== 'none' && head.revision === expect.revision;
    default:
      return unreachable(expect);
  }
}
