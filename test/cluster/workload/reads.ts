import { type EventRead, type FactstoreClient, FactstoreError } from '../../../src/client/index.ts';
import type { ReadLevel, ReadOperation } from '../history.ts';
import { type Recorder, seenEvent } from './recorder.ts';

const EXPECTED_CODES = new Set([
  ...['NO_LEADER', 'NOT_LEADER', 'NOT_READY', 'LEADERSHIP_LOST', 'UNREACHABLE', 'BEHIND', 'DEADLINE_EXCEEDED'],
  ...['CANCELLED', 'OVERLOADED'],
]);

/** What is asked for, as the history says it. */
export type Question = Pick<ReadOperation, 'stream' | 'level' | 'from' | 'backwards' | 'limit'>;

type ReadOutcome = ReadOperation['outcome'];

/** Makes a read and records what it gave. */
export async function read(
  recorder: Recorder,
  client: { readonly name: string; readonly sdk: FactstoreClient },
  question: Question,
  timeoutMs: number,
): Promise<ReadOutcome> {
  const invokedMs = recorder.nowMs();
  const outcome = await ask(client.sdk, question, timeoutMs).catch((error: unknown): ReadOutcome => {
    if (!(error instanceof FactstoreError)) throw error;
    if (!EXPECTED_CODES.has(error.code)) recorder.surprises.push(`a read ended in ${error.code}: ${error.message}`);
    return { kind: 'failed', code: error.code };
  });
  const returnedMs = recorder.nowMs();
  recorder.operations.push({ kind: 'read', client: client.name, invokedMs, returnedMs, ...question, outcome });
  return outcome;
}

async function ask(sdk: FactstoreClient, question: Question, timeoutMs: number): Promise<ReadOutcome> {
  const { stream, level, from, backwards, limit } = question;
  const consistency = sdkLevel(level);
  if (limit === 0) return { kind: 'read', head: Number(await sdk.head({ consistency, timeoutMs })), events: [] };
  const options = {
    consistency,
    timeoutMs,
    backwards,
    ...(from !== undefined && { from: BigInt(from) }),
    ...(limit !== undefined && { limit }),
  };
  const events: EventRead<{ type: string }> = stream === undefined ? sdk.readAll(options) : sdk.read(stream, options);
  const all = await events.toArray();
  const { head, revision } = await events.start();
  return {
    kind: 'read',
    head: Number(head),
    ...(revision !== undefined && { revision: Number(revision) }),
    events: all.map(seenEvent),
  };
}

function sdkLevel(level: ReadLevel) {
  return typeof level === 'number' ? { atLeast: BigInt(level) } : level;
}
