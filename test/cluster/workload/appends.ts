import type { AppendManyOptions, AppendResult, FactstoreClient, StreamWrite } from '../../../src/client/index.ts';
import { conflictOf, FactstoreError } from '../../../src/client/index.ts';
import type { AppendOperation, AppendOutcome, EventNumber, Expected } from '../history.ts';
import { eventId, type Recorder } from './recorder.ts';

/** Refusals that a cluster under faults may give; any other is the program's own mistake, or that of this test. */
const EXPECTED_CODES = new Set([
  ...['NO_LEADER', 'NOT_LEADER', 'NOT_READY', 'LEADERSHIP_LOST', 'UNREACHABLE', 'BEHIND'],
  ...['DEADLINE_EXCEEDED', 'CANCELLED', 'OVERLOADED', 'DISK_RESERVE', 'CONFLICT'],
]);

export type Write = AppendOperation['writes'][number];

/** An append that can be made again, with the same id and the same bytes. */
export interface Append {
  readonly appendId: string;
  readonly writes: readonly Write[];
  readonly producer?: AppendManyOptions['producer'];
}

/** Makes an append and records what became of it. */
export async function append(
  recorder: Recorder,
  client: { readonly name: string; readonly sdk: FactstoreClient },
  { appendId, writes, producer }: Append,
  options: AppendManyOptions,
): Promise<AppendOutcome> {
  const invokedMs = recorder.nowMs();
  const outcome = await client.sdk
    .append(writes.map(toStreamWrite), { ...options, appendId, producer })
    .then(toAppended, (error: unknown) => toRefused(error, recorder));
  const returnedMs = recorder.nowMs();
  recorder.operations.push({ kind: 'append', client: client.name, invokedMs, returnedMs, appendId, writes, outcome });
  return outcome;
}

function toStreamWrite({ stream, expect, events }: Write): StreamWrite {
  return { stream, expect: sdkExpect(expect), events: events.map((event) => newEvent(event)) };
}

/** Mostly small, now and then as large as a page or more: a function of its number, so that a repeat has the same bytes. */
export function newEvent(event: EventNumber) {
  const size = event % 97 === 0 ? 20_000 : 20 + ((event * 37) % 400);
  return { type: `E${event % 7}`, id: eventId(event), data: { event, text: 'x'.repeat(size) } };
}

function sdkExpect(expect: Expected): NonNullable<StreamWrite['expect']> {
  return typeof expect === 'number' ? BigInt(expect) : expect;
}

export function toAppended(result: AppendResult): AppendOutcome {
  return {
    kind: 'appended',
    firstPosition: Number(result.firstPosition),
    position: Number(result.position),
    revisions: result.writes.map(({ revision }) => Number(revision)),
    repeated: result.repeated,
  };
}

export function toRefused(error: unknown, recorder: Recorder): AppendOutcome {
  if (!(error instanceof FactstoreError)) throw error;
  const { code, definite } = error;
  if (!EXPECTED_CODES.has(code)) recorder.surprises.push(`an append ended in ${code}: ${error.message}`);
  if (!definite) return { kind: 'unknown', code };
  const conflict = conflictOf(error);
  if (!conflict) return { kind: 'refused', code };
  const checks = conflict.checks.map(({ stream, actualRevision }) => ({ stream, revision: Number(actualRevision) }));
  return { kind: 'conflict', judged: { position: Number(conflict.position), checks } };
}
