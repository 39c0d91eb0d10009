// @ts-check
/** The states of partitions that the sandbox holds: those of this batch, and those used last, up to a bound. */
import { flawOf } from './plain.js';

const parse = JSON.parse;
const stringify = JSON.stringify;

/** What an entry costs beside its state, and a state of so many characters of JSON when it is made of objects: measured. */
const ENTRY_COST = 400;
const CHARACTER_COST = 6;

/** @typedef {{ partition: string, state: any, cost: number, touched: boolean }} Entry */

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
  const entry = { partition, state, cost: costOf(length), touched: false };
  held.set(partition, entry);
  heldCost += entry.cost;
  return entry;
}

/** @param {number} length */
function costOf(length) {
  return ENTRY_COST + CHARACTER_COST * length;
}

export function forgetAll() {
  held.clear();
  touched = [];
  heldCost = 0;
}

/**
 * The texts of all states that were touched since the last time, then lets go of those used least recently. Ends in an
 * Error where a state is no plain JSON or too large.
 *
 * @param {{ stateLengthMax: number, heldCostMax: number }} limits
 * @param {(index: number) => void} onProgress
 * @param {(partition: string, text: string) => string | null | undefined} resultOf undefined: the same as the state.
 */
export function settle(limits, onProgress, resultOf) {
  /** @type {[string, number, number][]} */
  const rows = [];
  /** @type {string[]} */
  const texts = [];
  for (const [i, entry] of touched.entries()) {
    onProgress(i);
    const text = entry.state === null ? null : textOf(entry, limits.stateLengthMax);
    const result = text === null ? null : resultOf(entry.partition, text);
    rows.push([entry.partition, text === null ? -1 : text.length, result === undefined ? -2 : (result?.length ?? -1)]);
    if (text !== null) texts.push(text);
    if (typeof result === 'string') texts.push(result);
    settleEntry(entry, text);
  }
  touched = [];
  for (const [partition, entry] of held) {
    if (heldCost <= limits.heldCostMax) break;
    held.delete(partition);
    heldCost -= entry.cost;
  }
  return { rows, texts };
}

/** Puts it behind all that were used earlier. @param {Entry} entry @param {string | null} text */
function settleEntry(entry, text) {
  entry.touched = false;
  held.delete(entry.partition);
  heldCost -= entry.cost;
  if (text === null) return;
  entry.cost = costOf(text.length);
  held.set(entry.partition, entry);
  heldCost += entry.cost;
}

/** @param {Entry} entry @param {number} lengthMax */
function textOf({ partition, state }, lengthMax) {
  const flaw = flawOf('state', state);
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
  return partition === '\u0000shared' ? ' (the shared state)' : ` (partition ${stringify(partition.slice(0, 80))})`;
}
