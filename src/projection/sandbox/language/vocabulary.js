// @ts-check
/** The words with which a projection says what it is: they run once, when its source is loaded. */

const SOURCES = 'fromAll, fromStream, fromStreams, fromCategory, fromCategories or fromQuery';
const SPECIAL = ['$init', '$initShared', '$any', '$created', '$deleted'];
const OPTIONS = {
  resultStreamName: 'string',
  includeOwnEmissions: 'boolean',
  $includeLinks: 'boolean',
  biState: 'boolean',
  reorderEvents: 'boolean',
  processingLag: 'number',
};
const NAMES_MAX = 128;

/**
 * @typedef {(...args: unknown[]) => unknown} Handler
 * @typedef {{ kind: 'transform' | 'filter', fn: Handler }} Step
 */

/** What the source said of itself. */
export const definition = {
  /** @type {Record<string, unknown> | undefined} */
  source: undefined,
  /** @type {'none' | 'stream' | 'function'} */
  partitioning: 'none',
  /** @type {Handler | undefined} */
  partitionOf: undefined,
  /** @type {Map<string, Handler> | undefined} */
  handlers: undefined,
  /** @type {Step[]} */
  steps: [],
  outputsState: false,
  /** @type {Record<string, unknown>} */
  options: {},
  /** Whether its source names a word that writes. */
  emits: false,
  /** Whether it names what makes properties that are more than a value: accessors, hidden ones, fixed ones. */
  shapesProperties: false,
  loaded: false,
};

/** @type {Record<string, (...args: unknown[]) => unknown>} */
const selectors = {
  fromAll: () => ({ kind: 'all' }),
  fromStream: (stream) => ({ kind: 'streams', streams: names('fromStream', [stream]) }),
  fromStreams: (...streams) => ({ kind: 'streams', streams: names('fromStreams', streams) }),
  fromCategory: (...categories) => ({ kind: 'categories', categories: names('fromCategory', categories) }),
  fromCategories: (...categories) => ({ kind: 'categories', categories: names('fromCategories', categories) }),
  fromQuery: (query) => ({ kind: 'query', ...queryOf(query) }),
};

/** What may follow a selector. Each gives the same chain again. */
const chainCalls = {
  /** @param {unknown} fn */
  partitionBy(fn) {
    beforeWhen('partitionBy');
    definition.partitioning = 'function';
    definition.partitionOf = functionOf('partitionBy', fn);
    return chain;
  },
  foreachStream() {
    beforeWhen('foreachStream');
    definition.partitioning = 'stream';
    return chain;
  },
  /** @param {unknown} handlers */
  when(handlers) {
    if (definition.handlers) throw new Error('when() is called twice: put all handlers into one');
    definition.handlers = handlersOf(handlers);
    return chain;
  },
  /** @param {unknown} fn */
  transformBy(fn) {
    definition.steps.push({ kind: 'transform', fn: functionOf('transformBy', fn) });
    return chain;
  },
  /** @param {unknown} fn */
  filterBy(fn) {
    definition.steps.push({ kind: 'filter', fn: functionOf('filterBy', fn) });
    return chain;
  },
  outputState() {
    definition.outputsState = true;
    return chain;
  },
  /** @param {unknown} stream @param {unknown} partitionPattern */
  outputTo(stream, partitionPattern) {
    definition.outputsState = true;
    definition.options.resultStreamName = text('outputTo', 'the stream', stream);
    refuseSystem('outputTo: the stream', definition.options.resultStreamName);
    if (partitionPattern !== undefined) {
      const pattern = text('outputTo', 'the pattern of partitions', partitionPattern);
      if (!pattern.includes('{0}')) throw new Error('outputTo: the pattern of partitions has no {0} for the partition');
      refuseSystem('outputTo: the pattern of partitions', pattern);
      definition.options.partitionResultStreamNamePattern = pattern;
    }
    return chain;
  },
};

/** @type {typeof chainCalls} */
const chain = new Proxy(chainCalls, {
  get(calls, name) {
    if (Object.hasOwn(calls, name)) return calls[/** @type {keyof typeof calls} */ (name)];
    throw new TypeError(`.${String(name)} is unknown: after a selector there are ${Object.keys(calls).join(', ')}`);
  },
});

/** Puts the words where the source finds them. */
export function defineVocabulary() {
  for (const [name, select] of Object.entries(selectors)) {
    define(name, (/** @type {unknown[]} */ ...args) => {
      atTopLevel(name);
      if (definition.source) throw new Error(`${name}() is a second selector: a projection has one`);
      definition.source = /** @type {Record<string, unknown>} */ (select(...args));
      return chain;
    });
  }
  define('options', setOptions);
}

/** @param {string} name @param {unknown} value */
export function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: false, configurable: false, enumerable: false });
}

/** After the source has run: ends in an Error where it is no projection. */
export function checkDefinition() {
  if (!definition.source) throw new Error(`this is no projection: it calls none of ${SOURCES}`);
  if (!definition.handlers) throw new Error('this projection does nothing: when({ … }) is missing');
  if (definition.options.biState === true && !definition.handlers.has('$initShared')) {
    throw new Error('options: biState needs a handler $initShared');
  }
  if (definition.outputsState) refuseSystem('options: resultStreamName', definition.options.resultStreamName);
  definition.loaded = true;
}

/** @param {unknown} given */
function setOptions(given) {
  atTopLevel('options');
  if (typeof given !== 'object' || given === null) throw new Error('options: an object is expected');
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new Error(`options: ${name} is unknown; there are ${Object.keys(OPTIONS).join(', ')}`);
    }
    const type = OPTIONS[/** @type {keyof typeof OPTIONS} */ (name)];
    if (typeof value !== type) throw new Error(`options: ${name} is ${show(value)}; a ${type} is expected`);
    definition.options[name] = value;
  }
}

/** Results are events like others. @param {string} what @param {unknown} name */
function refuseSystem(what, name) {
  if (typeof name !== 'string' || !name.startsWith('$')) return;
  throw new Error(`${what} is ${show(name)}: streams that begin with "$" are written by factstore alone`);
}

/** @param {string} name */
function atTopLevel(name) {
  if (definition.loaded) throw new Error(`${name}() belongs to the top of the source, not into a handler`);
}

/** @param {string} name */
function beforeWhen(name) {
  if (definition.handlers) throw new Error(`${name}() comes before when()`);
  if (definition.partitioning !== 'none') throw new Error(`${name}(): the projection is partitioned already`);
}

/** @param {unknown} given */
function handlersOf(given) {
  if (typeof given !== 'object' || given === null) throw new Error('when: an object of handlers is expected');
  const handlers = new Map();
  for (const [name, handler] of Object.entries(given)) {
    if (name.startsWith('$') && !SPECIAL.includes(name)) {
      throw new Error(`when: ${name} is unknown; besides types of events there are ${SPECIAL.join(', ')}`);
    }
    handlers.set(name, functionOf(`when: ${name}`, handler));
  }
  return handlers;
}

/** @param {unknown} given */
function queryOf(given) {
  if (typeof given !== 'object' || given === null) throw new Error('fromQuery: { types, tags } is expected');
  for (const name of Object.keys(given)) {
    if (name !== 'types' && name !== 'tags') throw new Error(`fromQuery: ${name} is unknown; there are types and tags`);
  }
  const { types = [], tags = [] } = /** @type {{ types?: unknown, tags?: unknown }} */ (given);
  if (!Array.isArray(types) || !Array.isArray(tags)) throw new Error('fromQuery: types and tags are lists of texts');
  if (types.length + tags.length === 0) throw new Error('fromQuery: names neither types nor tags; fromAll() takes all');
  return {
    types: types.length > 0 ? names('fromQuery: types', types) : [],
    tags: tags.length > 0 ? names('fromQuery: tags', tags) : [],
  };
}

/** One name, several, or a list of them. @param {string} call @param {unknown[]} given */
function names(call, given) {
  const list = given.length === 1 && Array.isArray(given[0]) ? given[0] : given;
  if (list.length === 0) throw new Error(`${call}: at least one name is expected`);
  if (list.length > NAMES_MAX) throw new Error(`${call}: ${list.length} names are over the limit of ${NAMES_MAX}`);
  return [...new Set(list.map((name) => text(call, 'a name', name)))];
}

/** @param {string} call @param {string} what @param {unknown} value */
function text(call, what, value) {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${call}: ${show(value)} is given where ${what} is expected`);
}

/** @param {string} call @param {unknown} value */
function functionOf(call, value) {
  if (typeof value === 'function') return /** @type {Handler} */ (value);
  throw new Error(`${call}: ${show(value)} is given where a function is expected`);
}

/** @param {unknown} value */
export function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
