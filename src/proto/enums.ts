import type { Expectation } from '../model/append.ts';
import type { StreamState } from '../model/stream.ts';

/** The enumerations of events.proto as numbers, and what they mean. */

/** factstore.v1.Expect */
export const Expect = { unspecified: 0, any: 1, none: 2, exists: 3, revision: 4 } as const;
export const EXPECT_MAX = 4;

/** factstore.v1.StreamState, in the order of its numbers; 0 is never sent. */
const STATES: readonly StreamState[] = ['none', 'none', 'exists', 'deleted', 'tombstoned'];
export const STREAM_STATE_MAX = 4;

/** The expectation that a number of `Expect` and a revision stand for. */
export function expectationOf(expect: number, revision: number): Expectation {
  switch (expect) {
    case Expect.none:
      return { kind: 'none' };
    case Expect.exists:
      return { kind: 'exists' };
    case Expect.revision:
      return { kind: 'revision', revision };
    default:
      return { kind: 'any' };
  }
}

/** The number of `Expect` for an expectation. */
export function expectNumber(expectation: Expectation): number {
  return Expect[expectation.kind];
}

export function stateOf(number: number): StreamState {
  return STATES[number] ?? 'none';
}

export function stateNumber(state: StreamState): number {
  return STATES.lastIndexOf(state);
}
