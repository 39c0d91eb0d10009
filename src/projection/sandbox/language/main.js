// @ts-check
/**
 * The projection's own side of the sandbox. Outside calls the functions exported here, with texts; each answers with a
 * text. All loops over events run in here, because a call from outside costs as much as handling several events.
 */
import { freezeGlobals, removeNondeterminism } from './determinism.js';
import {
  beginEvent,
  beginResult,
  defineEmissions,
  endEvents,
  endResult,
  hasWrittenMuch,
  takeWritten,
  utf8Length,
  writeResult,
} from './emissions.js';
import { Batch, ProjectionEvent } from './event.js';
import * as states from './states.js';
import { checkDefinition, defineVocabulary, definition, show } from './vocabulary.js';

const { SHARED_STATE: SHARED } = states;
const PARTITION_BYTES_MAX = 1024;

const parse = JSON.parse;
const stringify = JSON.stringify;
const PromiseClass = Promise;
const { isArray } = Array;

/** At which event of the batch it is, or, below zero, at which state that is settled: who interrupts it looks here. */
export const progress = { at: 0 };

/** @typedef {import('./vocabulary.js').Handler} Handler */

/** @type {Handler | undefined} */
let init;
/** @type {Handler | undefined} */
let initShared;
/** @type {Handler | undefined} */
let any;
/** @type {Handler | undefined} */
let created;
/** @type {Handler | undefined} */
let deleted;

/** The batch under way. */
let batch = /** @type {Batch} */ (/** @type {unknown} */ (undefined));
/** @type {(ProjectionEvent | undefined)[]} */
let events = [];
/** @type {(Handler | undefined)[]} */
let handlersOfTypes = [];
/** @type {{ at: number, name: string, message: string, stack: string } | undefined} */
let failure;
/** Tells whether so much memory was taken that states are to be settled; it is asked once in so many events. */
let grown = () => false;
const ASK_EVERY = 32;

removeNondeterminism();
defineVocabulary();
defineEmissions();

/** @param {() => boolean} tells */
export function watchGrowth(tells) {
  grown = tells;
}

/** After the source has run: describes the projection, and closes the globals. `words`: which kinds of words its text has. @param {string} words */
export function describe(words) {
  checkDefinition();
  Object.assign(definition, parse(words));
  const handlers = /** @type {Map<string, Handler>} */ (definition.handlers);
  [init, initShared, any, created, deleted] = ['$init', '$initShared', '$any', '$created', '$deleted'].map((name) =>
    handlers.get(name),
  );
  if (deleted && definition.partitioning === 'function') {
    throw new Error('when: $deleted needs foreachStream(): only there a stream that is deleted is a partition');
  }
  freezeGlobals(ProjectionEvent);
  return stringify({
    source: definition.source,
    partitioning: definition.partitioning,
    handledTypes: any || created ? 'any' : [...handlers.keys()].filter((name) => !name.startsWith('$')),
    handlesDeleted: deleted !== undefined,
    sharesState: initShared !== undefined,
    transforms: definition.steps.length > 0,
    outputsState: definition.outputsState,
    emits: definition.emits,
    options: definition.options,
  });
}

/**
 * Takes over a batch; answers with the partitions whose states it needs, as a JSON list.
 *
 * @param {string} header @param {string} bodies @param {ArrayBuffer} rows @param {ArrayBuffer} places @param {ArrayBuffer} ids
 */
export function beginBatch(header, bodies, rows, places, ids) {
  batch = new Batch(header, bodies, rows, places, ids);
  const handlers = /** @type {Map<string, Handler>} */ (definition.handlers);
  handlersOfTypes = batch.types.map((type) => (type.startsWith('$') ? undefined : handlers.get(type)) ?? any);
  failure = undefined;
  const missing = new Set();
  if (initShared && !states.has(SHARED)) missing.add(SHARED);
  if (definition.partitioning !== 'none') findPartitions(missing);
  else if (!states.has('')) missing.add('');
  return stringify([...missing]);
}

/** @param {Set<string>} missing */
function findPartitions(missing) {
  events = [];
  /** @type {(string | undefined)[]} */
  const partitions = [];
  batch.partitions = partitions;
  for (let at = 0; at < batch.count; at++) {
    progress.at = at;
    let partition;
    if (handlerAt(at) !== undefined) {
      try {
        partition = partitionAt(at);
      } catch (error) {
        fail(at, error);
        return;
      }
    }
    partitions.push(partition);
    if (partition !== undefined && !states.has(partition)) missing.add(partition);
  }
}

/** What is called for it; undefined: nothing is, not even `$created`. @param {number} at */
function handlerAt(at) {
  return batch.isDeleted(at) ? deleted : (handlersOfTypes[batch.typeIndex(at)] ?? (created && nothing));
}

function nothing() {}

/** @param {number} at @returns {string | undefined} */
function partitionAt(at) {
  if (definition.partitioning === 'stream') return batch.stream(at);
  const event = new ProjectionEvent(batch, at);
  events[at] = event;
  const given = /** @type {Handler} */ (definition.partitionOf)(event);
  if (given === undefined || given === null || given === '') return undefined;
  if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean') {
    throw new Error(`partitionBy gave ${show(given)}: a text or a number is expected; null leaves the event out`);
  }
  const partition = String(given);
  if (partition.charCodeAt(0) === 0 || !partition.isWellFormed()) {
    throw new Error(
      `partitionBy gave ${show(partition)}, which cannot be a partition's name: it is not valid Unicode text`,
    );
  }
  if (partition.length * 3 > PARTITION_BYTES_MAX && utf8Length(partition) > PARTITION_BYTES_MAX) {
    throw new Error(`partitionBy gave a name of ${utf8Length(partition)} bytes: the limit is ${PARTITION_BYTES_MAX}`);
  }
  return partition;
}

/** Takes over states: `[partition, length]` in the header, length -1 where there is none. @param {string} header @param {string} texts */
export function loadStates(header, texts) {
  let at = 0;
  for (const [partition, length] of parse(header)) {
    states.load(partition, length < 0 ? undefined : texts.slice(at, at + length));
    if (length > 0) at += length;
  }
  return '';
}

/** Handles the events of the batch, up to the first that fails, or until it has grown large: `done` tells how many. */
export function runBatch() {
  const end = failure?.at ?? batch.count;
  const { partitions } = batch;
  let at = 0;
  try {
    for (; at < end && (at % ASK_EVERY !== 0 || at === 0 || !grown()) && !hasWrittenMuch(); at++) {
      const partition = partitions === undefined ? '' : partitions[at];
      if (partition === undefined) continue;
      const handler = handlerAt(at);
      if (handler === undefined) continue;
      progress.at = at;
      beginEvent(at);
      if (definition.outputsState) changeAndWrite(at, partition, handler);
      else change(at, partition, handler);
    }
    // A partition that could not be found is met only now.
    if (failure !== undefined && at < failure.at) failure = undefined;
  } catch (error) {
    fail(at, error);
  }
  endEvents();
  events = [];
  const { rows, texts, log } = takeWritten();
  return `${stringify({ failure, done: at, rows, log })}\n${texts.join('')}`;
}

/** @param {number} at @param {string} partition @param {Handler} handler */
function changeAndWrite(at, partition, handler) {
  const known = states.find(partition);
  const before = known === undefined ? null : outputOf(known);
  change(at, partition, handler);
  const entry = states.find(partition);
  if (entry === undefined) return;
  entry.output = undefined;
  const output = outputOf(entry);
  if (output !== null && output !== before) writeResult(partition, output);
}

/** The result as text; null: there is none. @param {states.Entry} entry */
function outputOf(entry) {
  if (entry.output === undefined) {
    const text = stringify(entry.state);
    entry.output = definition.steps.length > 0 ? resultOf(entry.partition, text) : text;
  }
  return entry.output;
}

/** @param {number} at @param {string} partition @param {Handler} handler */
function change(at, partition, handler) {
  const event = events[at] ?? new ProjectionEvent(batch, at);
  let entry = states.find(partition);
  if (entry === undefined) {
    const isDeleted = batch.isDeleted(at);
    if (isDeleted && definition.partitioning === 'stream') return;
    entry = beginState(partition);
    if (created && !isDeleted) call(created, entry, event);
  }
  if (handler !== nothing) call(handler, entry, event);
}

/** @param {string} partition */
function beginState(partition) {
  const entry = states.begin(partition, init === undefined ? {} : init());
  states.touch(entry);
  return entry;
}

/** @param {Handler} handler @param {states.Entry} entry @param {ProjectionEvent} event */
function call(handler, entry, event) {
  states.touch(entry);
  if (initShared !== undefined) return callWithShared(handler, entry, event);
  const next = handler(entry.state, event);
  if (next === undefined) return;
  if (next instanceof PromiseClass) throw asynchronous();
  entry.state = next;
}

/** The state is then a pair: the partition's, and the one that all share. @param {Handler} handler @param {states.Entry} entry @param {ProjectionEvent} event */
function callWithShared(handler, entry, event) {
  const shared = states.find(SHARED) ?? states.begin(SHARED, /** @type {Handler} */ (initShared)());
  states.touch(shared);
  const pair = [entry.state, shared.state];
  const next = handler(pair, event) ?? pair;
  if (next instanceof PromiseClass) throw asynchronous();
  if (!isArray(next) || next.length !== 2) {
    throw new Error(`with $initShared a handler gives [state, shared state], or nothing; it gave ${show(next)}`);
  }
  [entry.state, shared.state] = next;
}

function asynchronous() {
  return new Error('the handler is async: a handler does its work at once, and cannot wait');
}

/** @param {number} at @param {unknown} error */
function fail(at, error) {
  const isError = typeof error === 'object' && error !== null && 'message' in error;
  const { name, message, stack } = /** @type {Error} */ (isError ? error : {});
  failure = {
    at,
    name: isError ? String(name) : '',
    message: isError ? String(message) : `threw ${show(error)}`,
    stack: isError ? String(stack) : '',
  };
}

/** Gives all states that changed since the last time. @param {string} limits */
export function settle(limits) {
  failure = undefined;
  try {
    const { rows, texts } = states.settle(parse(limits), progress, definition.steps.length > 0 ? resultOf : undefined);
    return `${stringify({ rows })}\n${texts.join('')}`;
  } catch (error) {
    fail(0, error);
    return `${stringify({ failure })}\n`;
  }
}

/** What transformBy and filterBy make of a state: they work on a copy of it. @param {string} partition @param {string} text */
function resultOf(partition, text) {
  if (partition === SHARED) return null;
  let value = parse(text);
  beginResult();
  for (const { kind, fn } of definition.steps) {
    const given = fn(value);
    if (kind === 'filter' && !given) value = null;
    if (kind === 'transform' && given !== undefined) value = given;
    if (value === null) break;
  }
  endResult();
  if (value === null) return null;
  const result = stringify(value);
  if (result === undefined) throw new Error(`transformBy gave ${show(value)}, which cannot be written as JSON`);
  return result;
}

/** Lets go of all states, and of what a batch that did not end has written. */
export function forgetAll() {
  states.forgetAll();
  takeWritten();
  endEvents();
  return '';
}
