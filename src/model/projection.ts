import { encodeUtf8 } from '../base/bytes.ts';
import { FactstoreError, invalid, overLimit } from '../base/errors.ts';
import { LIMITS } from './limits.ts';
import { checkName } from './stream.ts';

/**
 * Definitions of projections. Each change of one is a fact in `$projection-NAME`; what a projection is at some place of
 * the log follows from its facts up to there, on every node alike (DESIGN §1, rule P3).
 */

/** What becomes of an event at which a handler throws: the projection stops there, or goes on without it (rule P4). */
export type ErrorPolicy = 'fault' | 'park';

/** What is to become of a projection. */
export type ProjectionChange =
  | { readonly kind: 'create' | 'update'; readonly source: string; readonly onError: ErrorPolicy }
  | { readonly kind: 'enable' | 'disable' | 'reset' | 'delete' | 'rollBack' }
  /** The generation that was being built has caught up: from this fact on it answers, and emits (rule P3). */
  | { readonly kind: 'takeOver'; readonly generation: number };

/** The types of the facts, by what they say. */
export const PROJECTION_FACTS = {
  create: '$projectionCreated',
  update: '$projectionUpdated',
  enable: '$projectionEnabled',
  disable: '$projectionDisabled',
  reset: '$projectionReset',
  delete: '$projectionDeleted',
  takeOver: '$projectionTakenOver',
  rollBack: '$projectionRolledBack',
} as const satisfies Record<ProjectionChange['kind'], string>;

/** One build of a projection: a source, run from the first event on. */
export interface Generation {
  /** The revision of the fact that began it: never used twice, and rising. */
  readonly generation: number;
  readonly source: string;
  readonly onError: ErrorPolicy;
  /** The position of that fact: what a scavenge behind it erases, this generation may have seen (rule P1). */
  readonly began: number;
}

/**
 * A span of the log for whose events one generation emits (rule P2). It begins behind the fact that made the generation
 * active, and ends with the fact that made another one so: no node can have processed anything behind such a fact when it
 * applies it.
 */
export interface Segment {
  readonly generation: number;
  readonly after: number;
  /** Infinity: it is the last one. */
  readonly until: number;
}

/** A projection, as its facts have it. */
export interface Projection {
  readonly name: string;
  /** How many facts there are of this name, those of former projections included: what the next change expects. */
  readonly facts: number;
  /** The position of the last fact. */
  readonly position: number;
  /** The revision of the fact that created it. */
  readonly created: number;
  readonly enabled: boolean;
  /** The position of the last fact that enabled it: what stood still by a fault before goes on from there. */
  readonly enabledAt: number;
  /** True: there was one of this name; only its place in the stream is still of interest. */
  readonly deleted: boolean;
  /** The generation that answers. */
  readonly active: Generation;
  /** The one that is to take over once it has caught up. */
  readonly building: Generation | undefined;
  /** The one before the last takeover or reset. It has processed all up to that fact and stands still, to be rolled back to. */
  readonly previous: Generation | undefined;
  /** Which generation emits where, in order, without gaps; the last one is the active one's. */
  readonly segments: readonly Segment[];
  /** The generations that the segments name: until their last emissions are appended, they are needed. */
  readonly emitting: readonly Generation[];
}

/** So many segments are remembered: what a generation further back has not emitted by then, it never will. */
const SEGMENTS_MAX = 16;

const STREAM_PREFIX = '$projection-';
const PRODUCER_PREFIX = 'projection:';

/** The stream that holds the facts about a projection. */
export function streamOfProjection(name: string): string {
  return STREAM_PREFIX + name;
}

/** The name of the projection that a stream holds the facts of; undefined where it holds none. */
export function projectionOfStream(stream: string): string | undefined {
  return stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : undefined;
}

/** All such streams begin with this. */
export const PROJECTION_STREAMS = STREAM_PREFIX;

/**
 * Under this name a projection appends what it emits (rules S7, P2). The cursor outlives generations; a projection that is
 * created anew under an old name has a cursor of its own, for it begins with the first event again.
 */
export function producerOf({ name, created }: Pick<Projection, 'name' | 'created'>): string {
  return created === 0 ? PRODUCER_PREFIX + name : `${PRODUCER_PREFIX}${name}@${created}`;
}

/** Whether an append came from a projection. */
export function isProjectionProducer(producer: string): boolean {
  return producer.startsWith(PRODUCER_PREFIX);
}

/** Ends in INVALID_ARGUMENT unless a projection can be called so. */
export function checkProjectionName(field: string, name: string): void {
  checkName(field, name, LIMITS.projectionNameBytesMax);
  if (name.startsWith('$')) throw invalid(field, `${JSON.stringify(name)} begins with "$", which is reserved`);
}

/** Ends in INVALID_ARGUMENT where a change makes no sense, whatever the state. */
export function checkProjectionChange(field: string, change: ProjectionChange): void {
  if (change.kind !== 'create' && change.kind !== 'update') return;
  if (change.source.trim() === '') throw invalid(`${field}.source`, 'is empty: a program in JavaScript is needed');
  const { length } = encodeUtf8(change.source);
  if (length > LIMITS.projectionSourceBytesMax) {
    throw overLimit(`${field}.source`, LIMITS.projectionSourceBytesMax, length, 'bytes');
  }
}

/** The data of the fact that a change becomes, as JSON. */
export function factData(change: ProjectionChange): string {
  const { kind: _, ...data } = change;
  return JSON.stringify(data);
}

/** The change that a fact says; undefined where it is none that this version understands (rule S16). */
export function changeOfFact(type: string, data: string): ProjectionChange | undefined {
  const kind = KINDS.get(type);
  if (kind === undefined) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(data)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (kind === 'create' || kind === 'update') {
    const { source, onError } = fields;
    if (typeof source !== 'string' || (onError !== 'fault' && onError !== 'park')) return undefined;
    return { kind, source, onError };
  }
  if (kind !== 'takeOver') return { kind };
  const { generation } = fields;
  return isPlace(generation) ? { kind, generation } : undefined;
}

const KINDS = new Map(
  Object.entries(PROJECTION_FACTS).map(([kind, type]) => [type as string, kind as ProjectionChange['kind']]),
);

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Where a fact stands. */
export interface FactPlace {
  readonly revision: number;
  readonly position: number;
}

/** A projection after one more fact. A fact that does not fit changes nothing but how many there are. */
export function projectionAfter(
  prior: Projection | undefined,
  name: string,
  change: ProjectionChange | undefined,
  { revision, position }: FactPlace,
): Projection | undefined {
  const counted = prior && { ...prior, facts: revision + 1, position };
  if (!change || refusalOf(prior, name, change)) return counted;
  if (change.kind === 'create') {
    const active = { generation: revision, source: change.source, onError: change.onError, began: position };
    const segments = [{ generation: revision, after: 0, until: Number.POSITIVE_INFINITY }];
    const lasting = { name, created: revision, enabled: true, enabledAt: position, deleted: false };
    return {
      ...lasting,
      facts: revision + 1,
      position,
      active,
      building: undefined,
      previous: undefined,
      segments,
      emitting: [active],
    };
  }
  return counted && changed(counted, change, { revision, position });
}

function changed(
  projection: Projection,
  change: ProjectionChange,
  { revision, position }: Pick<FactPlace, 'revision' | 'position'>,
): Projection {
  const { active, building, previous } = projection;
  switch (change.kind) {
    case 'create':
      return projection;
    case 'update': {
      const { source, onError } = change;
      return { ...projection, building: { generation: revision, source, onError, began: position } };
    }
    case 'enable':
      return { ...projection, enabled: true, enabledAt: position };
    case 'disable':
      return { ...projection, enabled: false };
    case 'reset':
      return activated(projection, { ...active, generation: revision, began: position }, position);
    case 'delete':
      return { ...projection, deleted: true, enabled: false, building: undefined, previous: undefined };
    case 'takeOver':
      return activated(projection, building ?? active, position);
    case 'rollBack':
      return activated(projection, previous ?? active, position);
  }
}

/** From a position on, another generation answers and emits. */
function activated(projection: Projection, next: Generation, position: number): Projection {
  const { active, emitting } = projection;
  const closed = projection.segments.map((segment) => ({ ...segment, until: Math.min(segment.until, position) }));
  const last = { generation: next.generation, after: position, until: Number.POSITIVE_INFINITY };
  const segments = [...closed, last].slice(-SEGMENTS_MAX);
  const named = [...emitting.filter(({ generation }) => generation !== next.generation), next];
  return {
    ...projection,
    active: next,
    building: undefined,
    previous: active,
    segments,
    emitting: named.filter(({ generation }) => segments.some((segment) => segment.generation === generation)),
  };
}

/** Why a change cannot be made; undefined: it can. `asIs` in its details: nothing needs to be done. */
export function refusalOf(
  projection: Projection | undefined,
  name: string,
  change: ProjectionChange,
): FactstoreError | undefined {
  const quoted = JSON.stringify(name);
  const exists = projection !== undefined && !projection.deleted;
  if (change.kind === 'create') {
    if (!exists) return undefined;
    return new FactstoreError(
      'FAILED_PRECONDITION',
      `projection ${quoted} exists already. Nothing was written. Give the new one another name, or update this one`,
      { projection: name },
    );
  }
  if (!exists) return noProjection(name);
  if (change.kind === 'rollBack' && !projection.previous) {
    return new FactstoreError(
      'FAILED_PRECONDITION',
      `projection ${quoted} has no generation to go back to: it was not updated since it was created or reset. Nothing was written`,
      { projection: name },
    );
  }
  if (change.kind === 'takeOver' && projection.building?.generation !== change.generation) {
    return new FactstoreError(
      'FAILED_PRECONDITION',
      `generation ${change.generation} of projection ${quoted} is not the one that is being built. Nothing was written`,
      { projection: name, generation: change.generation },
    );
  }
  return undefined;
}

export function noProjection(name: string): FactstoreError {
  const text = `there is no projection ${JSON.stringify(name)}. factstore projection list names those there are`;
  return new FactstoreError('NOT_FOUND', text, { projection: name });
}
