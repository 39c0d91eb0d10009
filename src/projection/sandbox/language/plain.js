// @ts-check
/** Plain JSON: what is the same after it was written and read again. Only such a state survives a restart unchanged. */
import { definition } from './vocabulary.js';

const DEPTH_MAX = 500;
const SHARED = 'stands in two places of the states, or contains itself: put a copy there, such as { ...it }';
const FROZEN = 'cannot be changed, as all that is made outside of the handlers: put a copy there, such as { ...it }';
const NOT_PLAIN = 'is no plain property: once it was written as JSON it has a value that can be changed';
const SYMBOL = 'has a property whose name is a symbol, which JSON leaves out';
const LIST_PROPERTIES = 'is a list that has properties beside its elements';
const objectPrototype = Object.prototype;
const arrayPrototype = Array.prototype;
const { getOwnPropertyDescriptor, getPrototypeOf, isExtensible } = Object;
const { ownKeys } = Reflect;
const { isArray } = Array;
const isFiniteNumber = Number.isFinite;

/** The objects and lists met so far. @type {Set<object>} */
let seen;

/**
 * Makes zeros of minus zeros, and tells what keeps a value from being plain JSON, such as `state.orders[3].when is a Date`;
 * undefined: nothing. `objects`: those of other states, which are written apart from it, and to which its own are added.
 *
 * @param {string} name @param {unknown} value @param {Set<object>} objects
 */
export function flawOf(name, value, objects) {
  seen = objects;
  const flaw = find(value, 0);
  return flaw === undefined ? undefined : `${name}${flaw.path} ${flaw.what}`;
}

/**
 * The path is put together on the way back, because nearly always there is nothing to be said.
 *
 * @param {unknown} value @param {number} depth
 * @returns {{ path: string, what: string } | undefined}
 */
function find(value, depth) {
  switch (typeof value) {
    case 'object':
      return value === null ? undefined : findWithin(value, depth);
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return isFiniteNumber(value) ? undefined : { path: '', what: `is ${value}, which JSON has no number for` };
    case 'undefined':
      return { path: '', what: 'is undefined: leave it out, or use null' };
    case 'bigint':
      return { path: '', what: 'is a BigInt: use a number or a text' };
    default:
      return { path: '', what: `is a ${typeof value}` };
  }
}

/** @param {object} value @param {number} depth */
function findWithin(value, depth) {
  if (depth > DEPTH_MAX) return { path: '', what: `is nested more than ${DEPTH_MAX} deep, or contains itself` };
  // What the source has made beside its handlers is frozen; read again it would not be.
  if (!isExtensible(value)) return { path: '', what: FROZEN };
  // Read again they are two, of which a handler that changes one no longer changes the other.
  if (seen.size === seen.add(value).size) return { path: '', what: SHARED };
  const prototype = getPrototypeOf(value);
  if (isArray(value) && prototype === arrayPrototype) return findWithinList(value, depth);
  if (prototype !== objectPrototype) return { path: '', what: flawOfPrototype(value, prototype) };
  const record = /** @type {Record<string, unknown>} */ (value);
  const names = ownKeys(value);
  // An iterator takes QuickJS twice as long, and a call as long as all else that is asked of a number or a text.
  for (let i = 0; i < names.length; i++) {
    const key = names[i];
    if (typeof key !== 'string') return { path: '', what: SYMBOL };
    if (definition.shapesProperties && !isPlain(value, key))
      return below(depth, step(key), { path: '', what: NOT_PLAIN });
    const property = record[key];
    // A -0 is a 0 once it was written as JSON.
    if (property === 0) record[key] = 0;
    if (typeof property === 'string' || isFiniteNumber(property)) continue;
    const flaw = find(property, depth + 1);
    if (flaw !== undefined) return below(depth, step(key), flaw);
  }
  return undefined;
}

/** @param {unknown[]} list @param {number} depth */
function findWithinList(list, depth) {
  for (let i = 0; i < list.length; i++) {
    if (list[i] === 0) list[i] = 0;
    const flaw = find(list[i], depth + 1);
    if (flaw !== undefined) return below(depth, `[${i}]`, flaw);
  }
  const names = ownKeys(list);
  // One of them is its length.
  if (names.length > list.length + 1) return { path: '', what: LIST_PROPERTIES };
  const isOdd = definition.shapesProperties && names.some((name) => name !== 'length' && !isPlain(list, name));
  return isOdd ? { path: '', what: 'has elements that are no plain ones' } : undefined;
}

/** It takes a microsecond, so it is asked only where the source names what makes others. @param {object} object @param {string | symbol} key */
function isPlain(object, key) {
  const descriptor = getOwnPropertyDescriptor(object, key);
  return descriptor?.writable === true && descriptor.enumerable === true && descriptor.configurable === true;
}

/** @param {object} value @param {object | null} prototype */
function flawOfPrototype(value, prototype) {
  // Read again it would inherit names such as "constructor".
  return prototype === null ? 'is an object without a prototype: use {}' : `is a ${className(value)}`;
}

/**
 * Of what lies very deep only the beginning of the way is told.
 * @param {number} depth @param {string} part @param {{ path: string, what: string }} flaw
 */
function below(depth, part, { path, what }) {
  if (depth > 8) return { path: '…', what };
  return { path: `${part}${path}`, what };
}

/** @param {string} key */
function step(key) {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 80))}]`;
}

/** @param {object} value */
function className(value) {
  const name = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `${name}, not a plain object` : 'class instance, not a plain object';
}
