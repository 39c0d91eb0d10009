// @ts-check
/** What handlers write: emitted events, links, copies and lines of the log. */
import { ProjectionEvent } from './event.js';
import { define, definition, show } from './vocabulary.js';

const NAME_BYTES_MAX = 1024;
const TYPE_BYTES_MAX = 256;
const TAG_BYTES_MAX = 256;
const TAGS_MAX = 64;
/** In characters: a text with others than ASCII may have more bytes. Those are counted outside, where it is fast. */
const DATA_LENGTH_MAX = 16 << 20;
const METADATA_LENGTH_MAX = 1 << 20;
const EMISSIONS_PER_EVENT_MAX = 1_000;
const WRITTEN_LENGTH_MAX = 4 << 20;
/** In values, of which each emission has eleven. */
const WRITTEN_ROWS_MAX = 11 * 5_000;
/** Of what there is not. */
const NONE = -1;
const LOG_LINES_MAX = 200;
const LOG_LINE_LENGTH_MAX = 2_000;

const stringify = JSON.stringify;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * What the batch has written so far: in `rows` eleven values of each emission, one after the other (a list of lists takes
 * much longer to write as JSON; messages.ts names them), and the texts of data and metadata.
 */
const written = {
  /** @type {unknown[]} */
  rows: [],
  /** @type {string[]} */
  texts: [],
  /** @type {string[]} */
  log: [],
  length: 0,
};

/** The event whose handler runs; -1: none does. */
let index = -1;
let ordinal = 0;
/** Whether a result is being made. That is done at an event or only where a batch ends, so nothing can come of it but the result. */
let makesResult = false;

/** @param {number} at */
export function beginEvent(at) {
  index = at;
  ordinal = 0;
  makesResult = false;
}

export function beginResult() {
  makesResult = true;
}

export function endResult() {
  makesResult = false;
}

export function endEvents() {
  index = -1;
}

/** Gives what was written, and begins anew. */
export function takeWritten() {
  const taken = { ...written };
  written.rows = [];
  written.texts = [];
  written.log = [];
  written.length = 0;
  return taken;
}

/** Whether it is time to hand over what was written, before it fills the memory. */
export function hasWrittenMuch() {
  return written.length > WRITTEN_LENGTH_MAX || written.rows.length > WRITTEN_ROWS_MAX;
}

export function defineEmissions() {
  define('emit', emit);
  define('linkTo', linkTo);
  define('linkStreamTo', linkStreamTo);
  define('copyTo', copyTo);
  define('log', log);
  define('console', Object.freeze({ log, info: log, warn: log, error: log, debug: log }));
}

/**
 * @param {unknown} stream @param {unknown} type @param {unknown} data @param {unknown} [metadata]
 * @param {{ tags?: unknown }} [extras]
 */
function emit(stream, type, data, metadata, extras) {
  const to = target('emit', stream);
  const name = checkName('emit: the type', type, TYPE_BYTES_MAX);
  const text = jsonOf('emit: the data', data, DATA_LENGTH_MAX);
  write('emit', to, name, text, metadataOf('emit', metadata), tagsOf(extras?.tags));
}

/** @param {unknown} stream @param {unknown} event @param {unknown} [metadata] */
function linkTo(stream, event, metadata) {
  const to = target('linkTo', stream);
  const source = eventOf('linkTo', event);
  const { revision, position } = source;
  write('link', to, '$>', '', metadataOf('linkTo', metadata), null, source.stream, revision, position);
}

/** @param {unknown} stream @param {unknown} linked @param {unknown} [metadata] */
function linkStreamTo(stream, linked, metadata) {
  const to = target('linkStreamTo', stream);
  const name = checkName('linkStreamTo: the linked stream', linked, NAME_BYTES_MAX);
  write('link', to, '$@', '', metadataOf('linkStreamTo', metadata), null, name);
}

/** @param {unknown} stream @param {unknown} event @param {unknown} [metadata] */
function copyTo(stream, event, metadata) {
  const to = target('copyTo', stream);
  const source = eventOf('copyTo', event);
  // Its bytes are taken from outside, exactly as they are: here is only the text of what may be no text.
  const type = checkName('copyTo: the type', source.type, TYPE_BYTES_MAX);
  write('copy', to, type, '', metadataOf('copyTo', metadata));
}

/** The result of a partition, which is changed: outside, it gets its stream. @param {string} partition @param {string} text */
export function writeResult(partition, text) {
  write('result', '', 'Result', text, undefined, null, partition);
}

/** @param {...unknown} parts */
function log(...parts) {
  if (written.log.length > LOG_LINES_MAX) return;
  if (written.log.length === LOG_LINES_MAX) {
    written.log.push(`(more than ${LOG_LINES_MAX} lines at once: the rest is left out)`);
    return;
  }
  const line = parts.map((part) => (typeof part === 'string' ? part : (safeText(part) ?? String(part)))).join(' ');
  written.log.push(line.slice(0, LOG_LINE_LENGTH_MAX));
}

/** @param {unknown} value */
function safeText(value) {
  try {
    return stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} kind @param {string} stream @param {string} type @param {string} data @param {string | undefined} metadata
 * @param {string[] | null} tags @param {string | null} linked @param {number} revision @param {number} position
 */
function write(kind, stream, type, data, metadata, tags = null, linked = null, revision = NONE, position = NONE) {
  if (ordinal >= EMISSIONS_PER_EVENT_MAX) {
    throw new Error(`one event emits more than ${EMISSIONS_PER_EVENT_MAX} events: that is the limit`);
  }
  const metadataLength = metadata === undefined ? NONE : metadata.length;
  const { rows, texts } = written;
  rows.push(index, ordinal++, kind, stream, type, data.length, metadataLength, tags, linked, revision, position);
  texts.push(data);
  if (metadata !== undefined) texts.push(metadata);
  written.length += data.length + metadataLength;
}

/** @param {string} call @param {unknown} stream */
function target(call, stream) {
  if (index < 0 || makesResult) {
    throw new Error(`${call}() belongs into a handler: there is no event that it could be caused by`);
  }
  if (!definition.emits) throw new Error(`${call}() is called in a way that hides it: call it by its name`);
  return checkName(`${call}: the stream`, stream, NAME_BYTES_MAX);
}

/** Names that have passed, because most come again and again. The key of each is its name and how long it may be. */
const passed = new Set();
const PASSED_MAX = 1_000;

/** @param {string} what @param {unknown} name @param {number} bytesMax */
function checkName(what, name, bytesMax) {
  const key = `${bytesMax}${name}`;
  if (typeof name === 'string' && passed.has(key)) return name;
  const checked = checkNewName(what, name, bytesMax);
  if (passed.size >= PASSED_MAX) passed.clear();
  passed.add(key);
  return checked;
}

/** @param {string} what @param {unknown} name @param {number} bytesMax */
function checkNewName(what, name, bytesMax) {
  if (typeof name !== 'string' || name === '') throw new Error(`${what} is ${show(name)}: a text is expected`);
  if (name.charCodeAt(0) === 0x24) {
    throw new Error(`${what} is ${show(name)}: names that begin with "$" are written by factstore alone`);
  }
  return checkText(what, name, bytesMax);
}

/** @param {string} what @param {string} text @param {number} bytesMax */
function checkText(what, text, bytesMax) {
  if (CONTROL.test(text)) throw new Error(`${what} ${show(text)} contains a control character`);
  if (!text.isWellFormed()) throw new Error(`${what} ${show(text)} is not valid Unicode`);
  checkBytes(what, text, bytesMax);
  return text;
}

/** @param {string} what @param {string} text @param {number} bytesMax */
function checkBytes(what, text, bytesMax) {
  if (text.length * 3 <= bytesMax) return;
  const bytes = utf8Length(text);
  if (bytes > bytesMax) throw new Error(`${what} is ${bytes} bytes long: the limit is ${bytesMax}`);
}

/** @param {string} text */
export function utf8Length(text) {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) bytes++;
    // A pair of surrogates is four bytes, two for each.
    if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) bytes++;
  }
  return bytes;
}

/** @param {string} what @param {unknown} value @param {number} lengthMax */
function jsonOf(what, value, lengthMax) {
  const text = stringify(value);
  if (text === undefined) throw new Error(`${what} is ${show(value)}, which cannot be written as JSON`);
  if (text.length > lengthMax) {
    throw new Error(`${what} is more than ${lengthMax} bytes long: that is the limit`);
  }
  return text;
}

/** @param {string} call @param {unknown} metadata */
function metadataOf(call, metadata) {
  return metadata === undefined || metadata === null
    ? undefined
    : jsonOf(`${call}: the metadata`, metadata, METADATA_LENGTH_MAX);
}

/** @param {unknown} tags */
function tagsOf(tags) {
  if (tags === undefined) return null;
  if (!Array.isArray(tags)) throw new Error(`emit: tags is ${show(tags)}: a list of texts is expected`);
  if (tags.length > TAGS_MAX) throw new Error(`emit: ${tags.length} tags are over the limit of ${TAGS_MAX}`);
  return tags.map((tag) => {
    if (typeof tag !== 'string' || tag === '') throw new Error(`emit: the tag ${show(tag)}: a text is expected`);
    return checkText('emit: the tag', tag, TAG_BYTES_MAX);
  });
}

/** @param {string} call @param {unknown} event @returns {ProjectionEvent} */
function eventOf(call, event) {
  if (ProjectionEvent.isOne(event) && !event.isDeleted) return event;
  throw new Error(`${call}: ${show(event)} is given where the event of a handler is expected`);
}
