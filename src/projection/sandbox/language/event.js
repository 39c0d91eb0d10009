// @ts-check
/**
 * The events of a batch, as handlers see them. A batch comes as three texts: a header that is parsed at once, the bodies
 * (data, metadata and the rest of each event, one behind the other), and the ids. What a handler does not touch is
 * never parsed.
 */

/** How many numbers the header has of each event: see batch-text.ts, which writes them. */
const ROW = 8;
const TYPE = 0;
const STREAM = 1;
const REVISION = 2;
const POSITION = 3;
const DATA_START = 4;
const METADATA_START = 5;
const REST_START = 6;
const FLAGS = 7;

const SAYS_JSON = 1;
const DATA_QUOTED = 2;
const METADATA_QUOTED = 4;
const DELETED = 8;

const ID_LENGTH = 32;
const NOT_PARSED = Symbol('not parsed');

const parse = JSON.parse;
const RealDate = Date;

export class Batch {
  /** @param {string} header @param {string} bodies @param {string} ids */
  constructor(header, bodies, ids) {
    const { types, streams, rows } = parse(header);
    /** @type {any[]} */
    this.types = types;
    /** @type {any[]} */
    this.streams = streams;
    /** @type {any[]} */
    this.rows = rows;
    this.bodies = bodies;
    this.ids = ids;
    this.count = (rows.length / ROW) | 0;
  }

  /** @param {number} index */
  typeIndex(index) {
    return this.rows[index * ROW + TYPE];
  }

  /** @param {number} index */
  stream(index) {
    return this.streams[this.rows[index * ROW + STREAM]];
  }

  /** @param {number} index */
  isDeleted(index) {
    return (this.rows[index * ROW + FLAGS] & DELETED) !== 0;
  }
}

export class ProjectionEvent {
  /** @type {Batch} */
  #batch;
  /** Where its numbers begin. */
  #row;
  /** @type {unknown} */
  #data = NOT_PARSED;
  /** @type {unknown} */
  #metadata = NOT_PARSED;
  /** @type {[number, string, string[]] | undefined} */
  #rest;
  #isJson = true;

  /** @param {Batch} batch @param {number} index @param {string} partition */
  constructor(batch, index, partition) {
    this.#batch = batch;
    this.#row = index * ROW;
    this.partition = partition;
  }

  /** Whether it is an event of a batch, and not something that looks like one. @param {unknown} value */
  static isOne(value) {
    return typeof value === 'object' && value !== null && #row in value;
  }

  get type() {
    return this.#batch.types[this.#batch.rows[this.#row + TYPE]];
  }

  get stream() {
    return this.#batch.streams[this.#batch.rows[this.#row + STREAM]];
  }

  get category() {
    const stream = this.stream;
    const dash = stream.indexOf('-');
    return dash < 0 ? stream : stream.slice(0, dash);
  }

  get revision() {
    return this.#batch.rows[this.#row + REVISION];
  }

  get position() {
    return this.#batch.rows[this.#row + POSITION];
  }

  /** The data; undefined where it is not JSON. */
  get data() {
    if (this.#data === NOT_PARSED) this.#parseData();
    return this.#data;
  }

  /** The data as text, as it was written. */
  get bodyRaw() {
    return this.#text(DATA_START, DATA_QUOTED);
  }

  get isJson() {
    if (this.#data === NOT_PARSED) this.#parseData();
    return this.#isJson;
  }

  /** The metadata; null where there is none, or where it is not JSON. */
  get metadata() {
    if (this.#metadata === NOT_PARSED) {
      try {
        const text = this.metadataRaw;
        this.#metadata = text === '' ? null : parse(text);
      } catch {
        this.#metadata = null;
      }
    }
    return this.#metadata;
  }

  get metadataRaw() {
    return this.#text(METADATA_START, METADATA_QUOTED);
  }

  get id() {
    const at = (this.#row / ROW) * ID_LENGTH;
    const hex = this.#batch.ids.slice(at, at + ID_LENGTH);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** When it was appended: RFC 3339, in UTC, with microseconds. */
  get created() {
    const us = this.#others()[0];
    const ms = Math.floor(us / 1000);
    return `${new RealDate(ms).toISOString().slice(0, -1)}${String(us - ms * 1000).padStart(3, '0')}Z`;
  }

  get contentType() {
    return this.#others()[1] || 'application/json';
  }

  get tags() {
    return this.#others()[2];
  }

  get isDeleted() {
    return (this.#batch.rows[this.#row + FLAGS] & DELETED) !== 0;
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
    this.#data = undefined;
    this.#isJson = false;
    if ((this.#batch.rows[this.#row + FLAGS] & SAYS_JSON) === 0) return;
    try {
      this.#data = parse(this.bodyRaw);
      this.#isJson = true;
    } catch {
      // It says that it is JSON and is not: the handler sees isJson false and has the text.
    }
  }

  /**
   * A text of the bodies, up to where the next one starts. Texts that hold a zero character come quoted.
   * @param {number} start @param {number} quoted
   */
  #text(start, quoted) {
    const { rows, bodies } = this.#batch;
    const text = bodies.slice(rows[this.#row + start], rows[this.#row + start + 1]);
    return (rows[this.#row + FLAGS] & quoted) === 0 ? text : parse(text);
  }

  #others() {
    if (this.#rest === undefined) {
      const { rows, bodies } = this.#batch;
      // Where the data of the next event starts, the rest of this one ends; slice takes undefined for the end.
      this.#rest = /** @type {[number, string, string[]]} */ (
        parse(bodies.slice(rows[this.#row + REST_START], rows[this.#row + ROW + DATA_START]))
      );
    }
    return this.#rest;
  }
}
