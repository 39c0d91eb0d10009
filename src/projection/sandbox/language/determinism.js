// @ts-check
/**
 * Every node computes a projection for itself, and all must come to the same result (rule P4). So what differs from node
 * to node or from run to run is taken away, and says why when it is called.
 */

const REASON =
  'every node computes this projection for itself and must come to the same result, today and when it is built anew';

/** @param {string} what @param {string} instead */
function refusal(what, instead) {
  return new Error(`${what} is not available in a projection: ${REASON}. ${instead}`);
}

const TIME = 'Take times from the event: event.created, or what its data says.';
const RANDOM = 'Take random values from the event: event.id is unique, and its data may carry others.';
const LATER = 'A handler does its work at once, and cannot wait.';
const OUTSIDE = 'A projection reads events, and writes with emit(), linkTo() and copyTo(); it has no other way out.';
const COLLECTED = 'When memory is collected is different on each node.';
const SHARED = 'A projection runs alone, in one thread.';
const HELD = 'Once a state was written and read again it has plain properties alone: put a value into each.';

const FUNCTIONS = {
  setTimeout: LATER,
  setInterval: LATER,
  setImmediate: LATER,
  queueMicrotask: LATER,
  requestAnimationFrame: LATER,
  fetch: OUTSIDE,
  XMLHttpRequest: OUTSIDE,
  WebSocket: OUTSIDE,
  WeakRef: COLLECTED,
  FinalizationRegistry: COLLECTED,
  SharedArrayBuffer: SHARED,
  Proxy: HELD,
};

const OBJECTS = { performance: TIME, crypto: RANDOM, Atomics: SHARED };

/** Runs before the source does. */
export function removeNondeterminism() {
  for (const [name, instead] of Object.entries(FUNCTIONS)) {
    // No arrow: some are called with new.
    function refuse() {
      throw refusal(`${name}()`, instead);
    }
    replaceGlobal(name, { value: refuse });
  }
  for (const [name, instead] of Object.entries(OBJECTS)) {
    replaceGlobal(name, {
      get() {
        throw refusal(name, instead);
      },
    });
  }
  Math.random = () => {
    throw refusal('Math.random()', RANDOM);
  };
  replaceDate();
}

/** @param {string} name @param {PropertyDescriptor} descriptor */
function replaceGlobal(name, descriptor) {
  Object.defineProperty(globalThis, name, { ...descriptor, configurable: true, enumerable: false });
}

/** Dates of given times stay, in UTC; those of the present go. */
function replaceDate() {
  const RealDate = Date;
  /** @param {...unknown} args */
  function GivenDate(...args) {
    if (new.target === undefined) throw refusal('Date()', TIME);
    if (args.length === 0) throw refusal('new Date() without an argument', TIME);
    return Reflect.construct(RealDate, args, new.target);
  }
  GivenDate.prototype = RealDate.prototype;
  GivenDate.UTC = RealDate.UTC;
  GivenDate.parse = RealDate.parse;
  GivenDate.now = () => {
    throw refusal('Date.now()', TIME);
  };
  Object.defineProperty(GivenDate, 'name', { value: 'Date' });
  Object.defineProperty(GivenDate, 'length', { value: 7 });
  Object.defineProperty(RealDate.prototype, 'constructor', { value: GivenDate, writable: true, configurable: true });
  replaceGlobal('Date', { value: GivenDate, writable: true });
}

/**
 * Runs after the source did: from then on nothing that outlives an event can change but states. What is not in a state
 * would be lost at a restart, and the results would differ.
 *
 * @param {...object} others What handlers get hold of beside globals.
 */
export function freezeGlobals(...others) {
  allowOwnProperties(Object.prototype);
  allowOwnProperties(Error.prototype);
  const seen = new Set();
  const pending = [globalThis, ...others, ...Object.values(hiddenPrototypes())];
  while (pending.length > 0) {
    const object = pending.pop();
    if (seen.has(object)) continue;
    seen.add(object);
    Object.freeze(object);
    for (const key of Reflect.ownKeys(object)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(object, key) ?? {};
      for (const part of [value, get, set]) if (isObject(part)) pending.push(part);
    }
    const parent = Object.getPrototypeOf(object);
    if (parent !== null) pending.push(parent);
  }
}

/** What no property leads to. */
function hiddenPrototypes() {
  return {
    generator: Object.getPrototypeOf(function* () {}),
    async: Object.getPrototypeOf(async () => {}),
    asyncGenerator: Object.getPrototypeOf(async function* () {}),
    arrayIterator: Object.getPrototypeOf([][Symbol.iterator]()),
    stringIterator: Object.getPrototypeOf(''[Symbol.iterator]()),
    mapIterator: Object.getPrototypeOf(new Map().entries()),
    setIterator: Object.getPrototypeOf(new Set().entries()),
    matchIterator: Object.getPrototypeOf('a'.matchAll(/a/g)),
    typedArray: Object.getPrototypeOf(Uint8Array),
  };
}

/** @param {unknown} value */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/**
 * A frozen property of a prototype also forbids to assign a property of that name to the objects that inherit from it.
 * `counts['constructor'] = 1` must work, as must `error.name = 'Refused'`; so these properties become accessors, whose
 * setter gives the object a property of its own.
 *
 * @param {object} prototype
 */
function allowOwnProperties(prototype) {
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
    if (descriptor === undefined || !('value' in descriptor) || !descriptor.configurable) continue;
    const inherited = descriptor.value;
    Object.defineProperty(prototype, key, {
      enumerable: descriptor.enumerable ?? false,
      configurable: true,
      get: () => inherited,
      set(value) {
        if (this === prototype) throw new TypeError(`${String(key)} is read-only: globals are frozen`);
        Object.defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true });
      },
    });
    if (isObject(inherited)) Object.freeze(inherited);
  }
}
