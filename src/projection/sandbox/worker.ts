import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { decodeUtf8 } from '../../base/bytes.ts';
import { PROGRAM_LIMITS, type ProgramDescription, type ProgramLimits } from '../program.ts';
import { readRun, readSettled } from './answer-text.ts';
import { batchText } from './batch-text.ts';
import { Machine, SandboxFailure } from './machine.ts';
import { type Answer, type Request, type Settlement, Sign, type WorkerStart } from './messages.ts';
import { forceUtc } from './utc.ts';

/** A thread for one projection at a time: takes requests, one after the other, and answers each. */

const signs = new Int32Array((workerData as WorkerStart).signs);
/** A tenth of the weight of other threads. */
const NICE = 10;
const WRITES = /\b(?:emit|linkTo|linkStreamTo|copyTo)\b/;
/** Accessors in literals, which are not followed as the name of a method or a property is, and functions that shape properties. */
const SHAPES_PROPERTIES =
  /\b[gs]et\b\s*[^\s(),;.:?=}]|\b(?:defineProperty|defineProperties|__define[GS]etter__|create)\b/;

let machine: Machine | undefined;
let limits: ProgramLimits = PROGRAM_LIMITS;
/** How many events there are in the batch that is under way, and whether states are to be settled behind it. */
let batch = { count: 0, settles: false };

forceUtc();
yieldToAppends();
parentPort?.on('message', async (request: Request) => {
  answer(request.kind === 'open' ? await open(request) : handle(request));
});

/** Whoever waits for an append or a read goes before a projection that catches up. Linux gives each thread a priority of its own. */
function yieldToAppends(): void {
  if (process.platform === 'linux') setPriority(NICE);
}

function answer(given: Answer): void {
  Atomics.add(signs, Sign.alive, 1);
  Atomics.store(signs, Sign.memoryKiB, machine ? machine.memoryBytes >> 10 : 0);
  parentPort?.postMessage(given, [...buffersOf(given), ...('settled' in given ? buffersOf(given.settled) : [])]);
}

/** What is handed over and not copied. */
function buffersOf(given: Answer): ArrayBuffer[] {
  return 'texts' in given ? [given.texts.bytes.buffer, given.texts.ends.buffer] : [];
}

async function open({ source, limits: given }: Extract<Request, { kind: 'open' }>): Promise<Answer> {
  limits = given;
  machine = await Machine.start(limits, () => Atomics.add(signs, Sign.alive, 1));
  try {
    machine.load(source);
    const words = { emits: WRITES.test(source), shapesProperties: SHAPES_PROPERTIES.test(source) };
    const text = machine.call('describe', JSON.stringify(words));
    return { kind: 'opened', description: JSON.parse(text) as ProgramDescription };
  } catch (error) {
    return { kind: 'refused', failure: failureOf(error) };
  }
}

function handle(request: Exclude<Request, { kind: 'open' }>): Answer {
  assert(machine !== undefined, 'a projection is open');
  try {
    switch (request.kind) {
      case 'batch':
        return beginBatch(machine, request);
      case 'states':
        return loadStates(machine, request);
      case 'settle':
        return settle(machine);
      case 'forget':
        machine.call('forgetAll');
        return { kind: 'forgotten' };
      case 'close':
        machine = undefined;
        return { kind: 'closed' };
    }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error), log: [] };
  }
}

function failureOf(error: unknown) {
  if (error instanceof SandboxFailure) return error.failure;
  throw error;
}

function beginBatch(machine: Machine, { events, settles }: Extract<Request, { kind: 'batch' }>): Answer {
  batch = { count: events.count, settles };
  const { header, bodies, rows, places, ids } = batchText(events);
  const partitions = JSON.parse(machine.call('beginBatch', header, bodies, rows, places, ids)) as string[];
  return partitions.length > 0 ? { kind: 'missing', partitions } : run(machine);
}

function loadStates(machine: Machine, { states }: Extract<Request, { kind: 'states' }>): Answer {
  const texts = states.map(([, bytes]) => (bytes === undefined ? undefined : (decodeUtf8(bytes) ?? 'null')));
  const header = states.map(([partition], i) => [partition, texts[i]?.length ?? -1]);
  machine.call('loadStates', JSON.stringify(header), texts.join(''));
  return run(machine);
}

function run(machine: Machine): Answer {
  const ran = readRun(machine.call('runBatch'));
  if ('failure' in ran) return { kind: 'failed', failure: machine.failureOf(ran.failure), log: ran.log };
  const answer = { kind: 'ran', done: ran.done, grown: machine.hasGrown, ...ran.value, log: ran.log } as const;
  return batch.settles && ran.done === batch.count ? { ...answer, settled: settleBehind(machine) } : answer;
}

/** What goes wrong with states is no failure of the events that were handled before. */
function settleBehind(machine: Machine): Settlement {
  try {
    return settle(machine);
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error), log: [] };
  }
}

function settle(machine: Machine): Settlement {
  const { stateBytesMax: stateLengthMax, heldStatesBytesMax: heldCostMax } = limits;
  const settled = readSettled(machine.call('settle', JSON.stringify({ stateLengthMax, heldCostMax })), stateLengthMax);
  machine.settled();
  if (!('failure' in settled)) return { kind: 'settled', ...settled.value };
  const failure = machine.failureOf(settled.failure);
  return { kind: 'failed', failure: failure.kind === 'threw' ? { ...failure, kind: 'state' } : failure, log: [] };
}
