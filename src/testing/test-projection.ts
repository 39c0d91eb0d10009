import { decodeUtf8 } from '../base/bytes.ts';
import { isJsonType } from '../client/recorded-event.ts';
import type { Upcasters } from '../client/upcasting.ts';
import { type Emission, type ProgramEvent, SHARED_STATE } from '../projection/program.ts';
import { GivenEvents, type TestEvent } from './given-events.ts';
import { Trial } from './trial.ts';

export interface TestProjectionOptions {
  /** What it is called, after which the streams of its results are named unless it says otherwise; `test` unless given. */
  readonly name?: string | undefined;
  /** Bring the data of events to the newest version before the projection sees it, as `connect` has them. */
  readonly upcasters?: Upcasters | undefined;
}

/** What a projection has written. */
export interface TestEmission {
  /** Of the event that caused it. */
  readonly position: bigint;
  readonly kind: 'emit' | 'link';
  readonly stream: string;
  readonly type: string;
  /** Parsed where it is JSON, else the bytes; of a link undefined. */
  readonly data: unknown;
  /** As the handler gave it; undefined: none. */
  readonly metadata: unknown;
  readonly tags: readonly string[];
  /** Of a link, what it names; without a revision, a whole stream. */
  readonly link: { readonly stream: string; readonly revision: bigint | undefined } | undefined;
}

/** What came of the events. */
export interface TestedProjection {
  /** Of a projection without partitions; undefined: it has none. */
  readonly state: unknown;
  /** What transformBy and filterBy make of the state; the state itself without them; undefined: filtered out. */
  readonly result: unknown;
  /** By partition. */
  readonly states: ReadonlyMap<string, unknown>;
  readonly results: ReadonlyMap<string, unknown>;
  /** The state that all partitions share; undefined: there is none. */
  readonly shared: unknown;
  /** In the order in which they would be appended. */
  readonly emissions: readonly TestEmission[];
  /** What it said with log(). */
  readonly logs: readonly string[];
}

const AT_ONCE = 1_000;

/**
 * Runs a projection over events, here and now, with the engine that nodes run it with. Ends in a FactstoreError where the
 * source is no projection (INVALID_ARGUMENT), where a handler throws or meets a limit, and where it is not deterministic
 * (FAILED_PRECONDITION); `details` have `line` and `column` in the source, and the `position` of the event.
 *
 * @example
 * const { state } = await testProjection(
 *   'fromAll().when({ $init: () => ({ sum: 0 }), Paid(s, e) { s.sum += e.data.amount } })',
 *   [{ stream: 'order-1', type: 'Paid', data: { amount: 12 } }],
 * );
 */
export async function testProjection(
  source: string,
  events: Iterable<TestEvent> | AsyncIterable<TestEvent>,
  { name = 'test', upcasters }: TestProjectionOptions = {},
): Promise<TestedProjection> {
  const given = new GivenEvents(upcasters);
  const trial = await Trial.open(source, name);
  try {
    const emissions: Emission[] = [];
    const logs: string[] = [];
    let waiting: ProgramEvent[] = [];
    const processWaiting = async () => {
      for await (const outcome of trial.process(waiting)) {
        emissions.push(...outcome.emissions);
        logs.push(...outcome.logs);
      }
      waiting = [];
    };
    for await (const event of events) {
      if (waiting.push(given.take(event)) >= AT_ONCE) await processWaiting();
    }
    await processWaiting();
    return { ...statesOf(trial), emissions: emissions.map(testEmission), logs };
  } finally {
    await trial.close();
  }
}

function statesOf({ partitions }: Trial) {
  const states = new Map<string, unknown>();
  const results = new Map<string, unknown>();
  let shared: unknown;
  for (const [name, { state, result }] of partitions) {
    if (name === SHARED_STATE) shared = jsonOf(state);
    else {
      if (state) states.set(name, jsonOf(state));
      if (result) results.set(name, jsonOf(result));
    }
  }
  return { state: states.get(''), result: results.get(''), states, results, shared };
}

function testEmission({
  position,
  kind,
  stream,
  type,
  data,
  contentType,
  metadata,
  tags,
  link,
}: Emission): TestEmission {
  const common = { position, stream, metadata: jsonOf(metadata), tags: tags ?? [] };
  if (kind === 'emit') {
    return { ...common, kind, type, data: isJsonType(contentType ?? '') ? jsonOf(data) : data, link: undefined };
  }
  const target = link && { stream: link.stream, revision: link.revision };
  return { ...common, kind, type: 'Link', data: undefined, link: target };
}

/** Parsed; what is no JSON stays as it is. */
function jsonOf(bytes: Uint8Array | null | undefined): unknown {
  if (!bytes || bytes.length === 0) return undefined;
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    return bytes;
  }
}
