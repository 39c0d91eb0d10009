import { invalid } from '../base/errors.ts';
import type { Expectation } from '../model/append.ts';

/** Turns what an application passes into what the wire takes, or ends in INVALID_ARGUMENT with the argument's name. */

/** A place (revision, position, microseconds) as the SDK has it, 0 to 2^53 - 1. */
export function placeArgument(field: string, value: bigint | number): number {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
    throw invalid(field, `${String(value)} is not a whole number (a bigint is expected)`);
  }
  if (value < 0) throw invalid(field, `${value} is below 0`);
  if (value > Number.MAX_SAFE_INTEGER) throw invalid(field, `${value} is above ${Number.MAX_SAFE_INTEGER}`);
  return Number(value);
}

/** A name; whether it is a good one is for the node to judge. */
export function textArgument(field: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(field, `a string is expected, not ${describe(value)}`);
  if (!value.isWellFormed()) throw invalid(field, 'is not valid Unicode');
  return value;
}

/** The state that a stream must be in for an append to be accepted (see {@link AppendOptions.expect}). */
export type Expect = 'any' | 'none' | 'exists' | bigint;

const ANY: Expectation = { kind: 'any' };

export function expectArgument(field: string, expect: Expect | undefined): Expectation {
  switch (expect) {
    case undefined:
    case 'any':
      return ANY;
    case 'none':
    case 'exists':
      return { kind: expect };
    default:
      if (typeof expect === 'bigint' || typeof expect === 'number') {
        return { kind: 'revision', revision: placeArgument(field, expect) };
      }
      throw invalid(field, `${describe(expect)} is none of "any", "none", "exists" and a revision as a bigint`);
  }
}

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `a value of type ${typeof value}`;
}
