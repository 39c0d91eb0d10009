import { parseObjectText } from '../client/json-object.ts';
import { UsageError } from './failure.ts';
import { parseTime } from './json.ts';
import type { Consistency, Expectation, Target } from './store.ts';
import { isUuid } from './uuid.ts';

const UINT64_MAX = 2n ** 64n - 1n;
const REVISION_MAX = 2n ** 63n - 1n;

/** A place or a count: a whole number from 0. */
export function parseWhole(name: string, text: string, least = 0n): bigint {
  if (!/^\d{1,30}$/.test(text)) throw new UsageError(`${name}: ${JSON.stringify(text)} is not a whole number`);
  const value = BigInt(text);
  if (value < least) throw new UsageError(`${name}: ${text} is below ${least}`);
  if (value > UINT64_MAX) throw new UsageError(`${name}: ${text} is beyond 2^64 - 1`);
  return value;
}

export function parseExpectation(name: string, text: string): Expectation {
  if (text === 'any' || text === 'none' || text === 'exists') return text;
  if (!/^\d{1,30}$/.test(text)) {
    throw new UsageError(`${name}: ${JSON.stringify(text)} is none of any, none, exists, or a revision such as 4`);
  }
  const revision = BigInt(text);
  if (revision > REVISION_MAX) throw new UsageError(`${name}: revision ${text} is beyond 2^63 - 1`);
  return revision;
}

export function parseConsistency(text: string): Consistency {
  if (text === 'linearizable' || text === 'local') return text;
  const position = /^atLeast:(\d{1,30})$/.exec(text)?.[1];
  if (position !== undefined) return { atLeast: parseWhole('--consistency', position) };
  throw new UsageError(`--consistency: ${JSON.stringify(text)} is none of linearizable, local, atLeast:POSITION`);
}

export function parseTimeFlag(name: string, text: string): bigint {
  const us = parseTime(text);
  if (us === undefined || us < 0n) {
    throw new UsageError(`${name}: ${JSON.stringify(text)} is not a time such as 2026-02-28T12:00:00Z`);
  }
  return us;
}

export function parseUuidFlag(name: string, text: string): string {
  if (!isUuid(text)) {
    throw new UsageError(`${name}: ${JSON.stringify(text)} is not a UUID such as 8c5c5cd6-3f0e-4f7f-9d5e-0b7d1c7f2a11`);
  }
  return text.toLowerCase();
}

/** Refuses what is not JSON, and says where it stops being JSON. */
export function checkJson(name: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${name}: is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const UNITS_MS: Readonly<Record<string, bigint>> = { ms: 1n, s: 1_000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n };

/** A span of time such as `90s` or `30d`, in milliseconds, 1 or more. */
export function parseDurationMs(name: string, text: string): bigint {
  const match = /^(\d{1,16})(ms|s|m|h|d)$/.exec(text);
  const ms = BigInt(match?.[1] ?? 0) * (UNITS_MS[match?.[2] ?? ''] ?? 0n);
  if (match && ms > 0n) return ms;
  throw new UsageError(`${name}: ${JSON.stringify(text)} is not a span of time such as 500ms, 90s, 15m, 12h or 30d`);
}

/** A JSON object, which is written as it was given. */
export function parseObject(name: string, text: string): object {
  checkJson(name, text);
  const value: unknown = JSON.parse(text);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return parseObjectText(text);
  throw new UsageError(`${name}: a JSON object is expected, such as {"owner": "sales"}`);
}

/** STREAM or `--all`, exactly one of them. */
export function parseTarget(
  stream: string | undefined,
  all: boolean | undefined,
  userEvents: boolean | undefined,
): Target {
  if (stream !== undefined && all) throw new UsageError('give a STREAM or --all, not both');
  if (stream === '') throw new UsageError('the name of the STREAM is empty');
  if (stream !== undefined) {
    if (userEvents) throw new UsageError('--user-events goes with --all: a stream is either of users or of the system');
    return { stream };
  }
  if (!all) throw new UsageError('say what to read: a STREAM, or --all for every stream');
  return { all: true, userEvents: userEvents ?? false };
}
