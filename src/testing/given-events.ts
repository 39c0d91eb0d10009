import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';
import { invalid } from '../base/errors.ts';
import { eventFields } from '../client/event-encoding.ts';
import type { EventExtras } from '../client/event-types.ts';
import { isJsonType } from '../client/recorded-event.ts';
import { type Upcasters, Upcasting } from '../client/upcasting.ts';
import type { ProgramEvent } from '../projection/program.ts';

/** An event for a projection under test: what it leaves out follows from its place among the others. */
export interface TestEvent extends EventExtras {
  readonly stream: string;
  readonly type: string;
  /** Any JSON value, or bytes. */
  readonly data?: unknown;
  /** One behind that of the stream's event before it, unless given. */
  readonly revision?: bigint | number | undefined;
  /** One behind that of the event before it, unless given. */
  readonly position?: bigint | number | undefined;
  /** A second behind that of the event before it, unless given; the first is of 2000-01-01. */
  readonly created?: Date | undefined;
  /** The same, in microseconds since 1970. */
  readonly createdUs?: bigint | undefined;
}

const FIRST_CREATED_US = BigInt(Date.UTC(2000, 0, 1)) * 1000n;
const SECOND_US = 1_000_000n;

/** Gives events their places, as a store would that takes them one after the other, and brings their data up to date. */
export class GivenEvents {
  private readonly upcasting: Upcasting;
  private readonly revisions = new Map<string, bigint>();
  private count = 0;
  private position = 0n;
  private createdUs = FIRST_CREATED_US - SECOND_US;

  constructor(upcasters?: Upcasters) {
    this.upcasting = new Upcasting(upcasters);
  }

  /** Ends in INVALID_ARGUMENT, with the event's index, where it cannot be one. */
  take(given: TestEvent): ProgramEvent {
    const path = `events[${this.count}]`;
    const position = this.positionOf(given, path);
    const id = given.id ?? `00000000-0000-8000-8000-${position.toString(16).padStart(12, '0').slice(-12)}`;
    const fields = eventFields({ ...partsOf(given), id }, '', this.count);
    if (typeof given.stream !== 'string' || given.stream === '') throw invalid(`${path}.stream`, 'a name is expected');
    const revision = BigInt(given.revision ?? (this.revisions.get(given.stream) ?? -1n) + 1n);
    const created = createdUsOf(given) ?? this.createdUs + SECOND_US;
    this.count++;
    this.position = position;
    this.createdUs = created;
    this.revisions.set(given.stream, revision);
    const event = {
      stream: given.stream,
      revision,
      position,
      id: fields.id,
      type: fields.type,
      data: bytesOf(fields.data),
      contentType: fields.contentType,
      metadata: bytesOf(fields.metadata),
      tags: fields.tags,
      created,
    };
    return this.upcast(event, fields.schemaVersion || 1);
  }

  private positionOf({ position }: TestEvent, path: string): bigint {
    if (position === undefined) return this.position + 1n;
    const given = BigInt(position);
    if (given > this.position) return given;
    throw invalid(`${path}.position`, `${given} is not behind ${this.position}, that of the event before it`);
  }

  private upcast(event: ProgramEvent, version: number): ProgramEvent {
    if (this.upcasting.versionOf(event.type, version) === version || !isJsonType(event.contentType)) return event;
    const { type, stream, tags } = event;
    const created = new Date(Number(event.created / 1000n));
    const about = { type, stream, tags, metadata: jsonOf(event.metadata), created };
    const data = this.upcasting.data(version, jsonOf(event.data), about);
    return { ...event, data: encodeUtf8(JSON.stringify(data)) };
  }
}

function createdUsOf({ created, createdUs }: TestEvent): bigint | undefined {
  return createdUs ?? (created && BigInt(created.getTime()) * 1000n);
}

/** Also of an event that was read, whose parts are not properties of its own. */
function partsOf({ type, data, metadata, tags, schemaVersion, contentType }: TestEvent) {
  return { type, data, metadata, tags, schemaVersion, contentType };
}

function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === 'string' ? encodeUtf8(payload) : payload;
}

function jsonOf(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : JSON.parse(decodeUtf8(bytes) ?? '');
}
