/**
 * The SDK of factstore.
 *
 * @example
 * const db = await connect('factstore://127.0.0.1:2113');
 * await db.append('order-1', [{ type: 'OrderPlaced', data: { total: 12 } }], { expect: 'none' });
 * for await (const event of db.read('order-1')) console.log(event.revision, event.type, event.data);
 * await db.close();
 *
 * @packageDocumentation
 */
export { type ErrorCode, FactstoreError } from '../base/errors.ts';
export type { StreamState } from '../model/stream.ts';
export type {
  AdminClient,
  MemberScavenge,
  ScavengeOptions,
  ScavengeState,
  ScavengeStatus,
  UnknownScavenge,
} from './admin.ts';
export type { Expect } from './arguments.ts';
export { FactstoreClient } from './client.ts';
export type {
  ClusterClient,
  ClusterStatus,
  MemberIdentity,
  MemberStatus,
  Members,
  NodeRole,
  ReachableMember,
  UnreachableMember,
} from './cluster.ts';
export { type ConflictCheck, type ConflictCondition, type ConflictDetails, conflictOf } from './conflict.ts';
export { connect } from './connect.ts';
export type { DecideContext, DecideOnQuery } from './decide.ts';
export type { EventExtras, EventShape, LinkedEvent, NewEvent, RecordedEvent, RecordedEventOf } from './event-types.ts';
export type { LookupOptions, MetadataInfo, ProducerState, StreamInfo } from './lookups.ts';
export type {
  AppendManyOptions,
  AppendOptions,
  AppendResult,
  CallOptions,
  ConnectOptions,
  Consistency,
  DecideOptions,
  ProducerPlace,
  QueryOptions,
  ReadAllOptions,
  ReadOptions,
  ReadStreamOptions,
  StreamWrite,
  SubscribeOptions,
  UpdateOptions,
} from './options.ts';
export type { WatchOptions } from './projection-watch.ts';
export type {
  DefineOptions,
  PartitionsOptions,
  ProjectionChanged,
  ProjectionErrorPolicy,
  ProjectionInfo,
  ProjectionOnMember,
  ProjectionProgress,
  ProjectionState,
  ProjectionsClient,
  StateOptions,
} from './projections.ts';
export type { AppendCondition, Query, QueryItem } from './queries.ts';
export type { EventRead, ReadHead } from './read.ts';
export type {
  ChangeOptions,
  ChangeResult,
  ErasedRevisions,
  ListedStream,
  ListOptions,
  StreamMetadata,
  StreamsClient,
} from './streams.ts';
export type { Subscription, SubscriptionMessage } from './subscribe.ts';
export type { UpcastEvent, Upcaster, Upcasters } from './upcasting.ts';
export type { Decide, UpdateContext } from './update.ts';
