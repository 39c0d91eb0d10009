import { parentPort, workerData } from 'node:worker_threads';
import { decodeUtf8 } from '../../base/bytes.ts';
import type { ProgramDescription } from '../program.ts';
import { readRun, readSettled } from './answer-text.ts';
import { batchText } from './batch-text.ts';
import { Machine, SandboxFailure } from './machine.ts';
import type { Answer, Request, WorkerStart } from './messages.ts';
import { forceUtc } from './utc.ts';

/** The thread of one projection: takes requests, one after the other, and answers each. */

const { source, limits, alive } = workerData as WorkerStart;
const signOfLife = new Int32Array(alive);
const WRITES = /\b(?:emit|linkTo|linkStreamTo|copyTo)\b/;

forceUtc();
const machine = await Machine.start(limits, () => Atomics.add(signOfLife, 0, 1));
answer(open());
parentPort?.on('message', (request: Request) => answer(handle(request)));

function answer(given: Answer): void {
  Atomics.add(signOfLife, 0, 1);
  parentPort?.postMessage(given, 'texts' in given ? [given.texts.bytes.buffer, given.texts.ends.buffer] : []);
}

function open(): Answer {
  try {
    machine.load(source);
    const text = machine.call('describe', String(WRITES.test(source)));
    return { kind: 'opened', description: JSON.parse(text) as ProgramDescription };
  } catch (error) {
    return { kind: 'refused', failure: failureOf(error) };
  }
}

function handle(request: Request): Answer {
  try {
    switch (request.kind) {
      case 'batch':
        return beginBatch(request);
      case 'states':
        return loadStates(request);
      case 'settle':
        return settle();
      case 'forget':
        machine.call('forgetAll');
        return { kind: 'forgotten' };
    }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error), log: [] };
  }
}

function failureOf(error: unknown) {
  if (error instanceof SandboxFailure) return error.failure;
  throw error;
}

function beginBatch({ events }: Extract<Request, { kind: 'batch' }>): Answer {
  const { header, bodies, rows, places, ids } = batchText(events);
  const partitions = JSON.parse(machine.call('beginBatch', header, bodies, rows, places, ids)) as string[];
  return partitions.length > 0 ? { kind: 'missing', partitions } : run();
}

function loadStates({ states }: Extract<Request, { kind: 'states' }>): Answer {
  const texts = states.map(([, bytes]) => (bytes === undefined ? undefined : (decodeUtf8(bytes) ?? 'null')));
  const header = states.map(([partition], i) => [partition, texts[i]?.length ?? -1]);
  machine.call('loadStates', JSON.stringify(header), texts.join(''));
  return run();
}

function run(): Answer {
  const ran = readRun(machine.call('runBatch'));
  if ('failure' in ran) return { kind: 'failed', failure: machine.failureOf(ran.failure), log: ran.log };
  return { kind: 'ran', done: ran.done, ...ran.value, log: ran.log };
}

function settle(): Answer {
  const { stateBytesMax: stateLengthMax, heldStatesBytesMax: heldCostMax } = limits;
  const settled = readSettled(machine.call('settle', JSON.stringify({ stateLengthMax, heldCostMax })), stateLengthMax);
  if (!('failure' in settled)) return { kind: 'settled', ...settled.value };
  const failure = machine.failureOf(settled.failure);
  return { kind: 'failed', failure: failure.kind === 'threw' ? { ...failure, kind: 'state' } : failure, log: [] };
}
