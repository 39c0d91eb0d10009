// @ts-check
/**
 * The events of a batch, as handlers see them. A batch comes as a header that is parsed at once, numbers of each event, ids,
 * and one text with all bodies (data and metadata of each event, then tags of each). What a handler does not touch is never
 * parsed. See batch-text.ts, which writes it.
 */

/** Whole numbers of each event. */
const ROW = 7;
const TYPE = 0;
const STREAM = 1;
const DATA_START = 2;
const METADATA_START = 3;
const TAGS_START = 4;
const CONTENT_TYPE = 5;
const FLAGS = 6;

/** Numbers of each event that may be larger than 32 bits. */
const PLACES = 3;
const REVISION = 0;
const POSITION = 1;
const CREATED = 2;

const SAYS_JSON = 1;
const DATA_QUOTED = 2;
const METADATA_QUOTED = 4;
const DELETED = 8;

const ID_BYTES = 16;
const NOT_PARSED = Symbol('not parsed');
const NOT_JSON = Symbol('not JSON');

const parse = JSON.parse;
const RealDate = Date;

export class Batch {
  /** @param {string} header @param {string} bodies @param {ArrayBuffer} rows @param {ArrayBuffer} places @param {ArrayBuffer} ids */
  constructor(header, bodies, rows, places, ids) {
    const { types, streams, contentTypes } = parse(header);
    /** @type {string[]} */
    this.types = types;
    /** @type {string[]} */
    this.streams = streams;
    /** @type {string[]} */
    this.contentTypes = contentTypes;
    /** One row more than there are events, which tells where the texts of the last one end. @type {Record<number, any>} */
    this.rows = new Int32Array(rows);
    /** @type {Record<number, any>} */
    this.places = new Float64Array(places);
    this.ids = new Uint8Array(ids);
    this.bodies = bodies;
    this.count = this.ids.length / ID_BYTES;
    /** Of each event its partition; undefined: it is left out. @type {(string | undefined)[] | undefined} */
    this.partitions = undefined;
    /** What was parsed of metadata. @type {Map<number, unknown>} */
    this.metadata = new Map();
  }

  /** @param {number} at */
  typeIndex(at) {
    return this.rows[at * ROW + TYPE];
  }

  /** @param {number} at */
  stream(at) {
    return /** @type {string} */ (this.streams[this.rows[at * ROW + STREAM]]);
  }

  /** @param {number} at */
  isDeleted(at) {
    return (this.rows[at * ROW + FLAGS] & DELETED) !== 0;
  }
}

export class ProjectionEvent {
  /** @type {Batch} */
  #batch;
  /** Its index in the batch. @type {number} */
  #at;
  /** @type {unknown} */
  #data;

  /** @param {Batch} batch @param {number} at */
  constructor(batch, at) {
    this.#batch = batch;
    this.#at = at;
    this.#data = NOT_PARSED;
  }

  /** Whether it is an event of a batch, and not something that looks like one. @param {unknown} value */
  static isOne(value) {
    return typeof value === 'object' && value !== null && #at in value;
  }

  get type() {
    return this.#batch.types[this.#batch.rows[this.#at * ROW + TYPE]];
  }

  get stream() {
    return this.#batch.stream(this.#at);
  }

  get category() {
    const stream = this.stream;
    const dash = stream.indexOf('-');
    return dash < 0 ? stream : stream.slice(0, dash);
  }

  get partition() {
    return this.#batch.partitions?.[this.#at] ?? '';
  }

  get revision() {
    return this.#batch.places[this.#at * PLACES + REVISION];
  }

  get position() {
    return this.#batch.places[this.#at * PLACES + POSITION];
  }

  /** The data; undefined where it is not JSON. */
  get data() {
    if (this.#data === NOT_PARSED) this.#parseData();
    return this.#data === NOT_JSON ? undefined : this.#data;
  }

  /** The data as text, as it was written. */
  get bodyRaw() {
    return this.#text(DATA_START, DATA_QUOTED);
  }

  get isJson() {
    if (this.#data === NOT_PARSED) this.#parseData();
    return this.#data !== NOT_JSON;
  }

  /** The metadata; null where there is none, or where it is not JSON. */
  get metadata() {
    const { metadata } = this.#batch;
    if (!metadata.has(this.#at)) metadata.set(this.#at, parsedOr(this.metadataRaw, null));
    return metadata.get(this.#at);
  }

  get metadataRaw() {
    return this.#text(METADATA_START, METADATA_QUOTED);
  }

  get id() {
    let hex = '';
    const start = this.#at * ID_BYTES;
    for (const byte of this.#batch.ids.subarray(start, start + ID_BYTES)) hex += byte.toString(16).padStart(2, '0');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** When it was appended: RFC 3339, in UTC, with microseconds. */
  get created() {
    const us = this.#batch.places[this.#at * PLACES + CREATED];
    const ms = Math.floor(us / 1000);
    return `${new RealDate(ms).toISOString().slice(0, -1)}${String(us - ms * 1000).padStart(3, '0')}Z`;
  }

  get contentType() {
    return this.#batch.contentTypes[this.#batch.rows[this.#at * ROW + CONTENT_TYPE]] || 'application/json';
  }

  /** @returns {string[]} */
  get tags() {
    const { rows, bodies } = this.#batch;
    const row = this.#at * ROW;
    const text = bodies.slice(rows[row + TAGS_START], rows[row + ROW + TAGS_START]);
    return text === '' ? [] : parse(text);
  }

  get isDeleted() {
    return this.#batch.isDeleted(this.#at);
  }

  get eventType() {
    return this.type;
  }

  get streamId() {
    return this.stream;
  }

  get sequenceNumber() {
    return this.revision;
  }

  get body() {
    return this.data;
  }

  get eventId() {
    return this.id;
  }

  toJSON() {
    const { stream, revision, position, id, type, data, metadata, tags, contentType, created } = this;
    return { stream, revision, position, id, type, data, metadata, tags, contentType, created };
  }

  #parseData() {
    const saysJson = (this.#batch.rows[this.#at * ROW + FLAGS] & SAYS_JSON) !== 0;
    // What says that it is JSON and is not is seen as other data: isJson is false, and its text is there.
    this.#data = saysJson ? parsedOr(this.bodyRaw, NOT_JSON) : NOT_JSON;
  }

  /**
   * A text of the bodies: it ends where the metadata starts, or the data of the next event. One that holds a zero
   * character comes quoted.
   *
   * @param {number} start @param {number} quoted
   */
  #text(start, quoted) {
    const { rows, bodies } = this.#batch;
    const row = this.#at * ROW;
    const end = start === DATA_START ? row + METADATA_START : row + ROW + DATA_START;
    const text = bodies.slice(rows[row + start], rows[end]);
    return (rows[row + FLAGS] & quoted) === 0 ? text : parse(text);
  }
}

/** @param {string} text @param {unknown} otherwise */
function parsedOr(text, otherwise) {
  try {
    return parse(text);
  } catch {
    return otherwise;
  }
}
