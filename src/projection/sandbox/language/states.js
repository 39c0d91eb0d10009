// @ts-check
/** The states of partitions that the sandbox holds: those of this batch, and those used last, up to a bound. */
import { flawOf } from './plain.js';

const parse = JSON.parse;
const stringify = JSON.stringify;

/** What an entry costs beside its state, and a state of so many characters of JSON when it is made of objects: measured. */
const ENTRY_COST = 400;
const CHARACTER_COST = 6;

/** The reserved name of the state that all partitions share: no partition's name begins with a zero character. */
export const SHARED_STATE = '\u0000shared';

/** Lengths that are none. */
const NONE = -1;
const SAME = -2;

/**
 * `output`: the result as it was written last, null where there was none; undefined: not known.
 *
 * @typedef {{ partition: string, state: any, cost: number, touched: boolean, output: string | null | undefined }} Entry
 */

/** In the order of their last use. @type {Map<string, Entry>} */
const held = new Map();
/** @type {Entry[]} */
let touched = [];
let heldCost = 0;

/** @param {string} partition */
export function has(partition) {
  return held.has(partition);
}

/** @param {string} partition */
export function find(partition) {
  const entry = held.get(partition);
  return entry === undefined || entry.state === null ? undefined : entry;
}

/** @param {string} partition @param {any} state */
export function begin(partition, state) {
  const entry = held.get(partition) ?? hold(partition, null, 0);
  entry.state = state;
  return entry;
}

/** Marks it as one that the batch has changed. @param {Entry} entry */
export function touch(entry) {
  if (entry.touched) return;
  entry.touched = true;
  touched.push(entry);
}

/** Takes over a state from the store; without a text, that there is none. @param {string} partition @param {string | undefined} text */
export function load(partition, text) {
  hold(partition, text === undefined ? null : parse(text), text === undefined ? 0 : text.length);
}

/** @param {string} partition @param {any} state @param {number} length */
function hold(partition, state, length) {
  const entry = { partition, state, cost: ENTRY_COST + CHARACTER_COST * length, touched: false, output: undefined };
  held.set(partition, entry);
  heldCost += entry.cost;
  return entry;
}

export function forgetAll() {
  held.clear();
  touched = [];
  heldCost = 0;
}

/**
 * The texts of all states that were touched since the last time: in `rows` partition, length of the state's text, length
 * of the result's (SAME: it is the state). Then it lets go of those used least recently. Ends in an Error where a state is
 * no plain JSON or too large.
 *
 * @param {{ stateLengthMax: number, heldCostMax: number }} limits
 * @param {{ at: number }} progress
 * @param {((partition: string, text: string) => string | null) | undefined} resultOf undefined: results are the states.
 */
export function settle(limits, progress, resultOf) {
  /** @type {(string | number)[]} */
  const rows = [];
  /** @type {string[]} */
  const texts = [];
  // A handler may put one object into the state of its partition and the shared one, or one of the source's into all of them.
  const objects = new Set();
  for (let i = 0; i < touched.length; i++) {
    progress.at = -1 - i;
    const entry = /** @type {Entry} */ (touched[i]);
    const { partition } = entry;
    if (entry.state === null) {
      rows.push(partition, NONE, NONE);
      settleEntry(entry, NONE);
      continue;
    }
    if (entry.state === 0) entry.state = 0;
    const text = textOf(entry, limits.stateLengthMax, objects);
    const result = resultOf === undefined ? undefined : resultOf(partition, text);
    rows.push(partition, text.length, result === undefined ? SAME : result === null ? NONE : result.length);
    texts.push(text);
    if (typeof result === 'string') texts.push(result);
    settleEntry(entry, text.length);
  }
  touched = [];
  for (const [partition, entry] of held) {
    if (heldCost <= limits.heldCostMax) break;
    held.delete(partition);
    heldCost -= entry.cost;
  }
  return { rows, texts };
}

/** Puts it behind all that were used earlier. @param {Entry} entry @param {number} length */
function settleEntry(entry, length) {
  entry.touched = false;
  held.delete(entry.partition);
  heldCost -= entry.cost;
  if (length === NONE) return;
  entry.cost = ENTRY_COST + CHARACTER_COST * length;
  held.set(entry.partition, entry);
  heldCost += entry.cost;
}

/** @param {Entry} entry @param {number} lengthMax @param {Set<object>} objects */
function textOf({ partition, state }, lengthMax, objects) {
  const flaw = flawOf('state', state, objects);
  if (flaw !== undefined) throw new Error(`a state must be plain JSON: ${flaw}${ofPartition(partition)}`);
  const text = stringify(state);
  if (text.length > lengthMax) {
    throw new Error(`the state is ${text.length} characters long${ofPartition(partition)}: the limit is ${lengthMax}`);
  }
  return text;
}

/** @param {string} partition */
function ofPartition(partition) {
  if (partition === '') return '';
  return partition === SHARED_STATE ? ' (the shared state)' : ` (partition ${stringify(partition.slice(0, 80))})`;
}
