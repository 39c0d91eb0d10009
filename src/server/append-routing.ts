import { type FactstoreError, invalid } from '../base/errors.ts';
import type { AppendLane } from '../database/append-lane.ts';
import { breaksOrder } from '../database/appender.ts';
import type { Database } from '../database/database.ts';
import { isProjectionProducer } from '../model/projection.ts';
import { decodeAppendRequest } from '../proto/append-request.ts';
import { encodeAppendResponse } from '../proto/append-response.ts';
import { expectationOf } from '../proto/enums.ts';
import type { Clock } from '../runtime/clock.ts';
import { PIECE_BYTES } from '../storage/record.ts';

/** Passes appends on to the leader (rule S9). */
export interface AppendForwarder {
  /** Resolves with the leader's AppendResponse as bytes. */
  forward(
    append: Uint8Array,
    options: { readonly lane: number; readonly deadlineMs: number; readonly sinceMs: number },
  ): Promise<Uint8Array>;
}

/**
 * Whose appends these are: a client's, what another member has forwarded, which is not forwarded again (rule S9), or this
 * node's own.
 */
export type AppendOrigin = 'client' | 'member' | 'node';

/** Where appends are judged: here, or at the member that leads. */
export interface Leadership {
  /** True while this node leads. */
  readonly leads: boolean;
  /** The leader's member id; undefined: none is known. */
  readonly leader: string | undefined;
  readonly term: number;
  /** The refusal for a client that asked not to be forwarded; names the leader's address. */
  notLeader(): FactstoreError;
  noLeader(): FactstoreError;
}

let lanes = 0;

/**
 * The appends of one call, each judged by the leader: by this node, or by another to which they are forwarded.
 *
 * A route is bound to one leader and its term: were earlier appends still under way to an old leader while later ones
 * were judged by a new one, be it the same node, the order of the call would be lost (rule S4). When the leader changes,
 * the route ends; the client begins a new call.
 */
export class AppendRoute {
  private readonly database: Database;
  private readonly forwarder: AppendForwarder;
  private readonly leadership: Leadership;
  private readonly lane: AppendLane;
  private readonly laneNumber: number;
  private readonly origin: AppendOrigin;
  private readonly clock: Clock;
  private boundTo: { readonly leader: string; readonly term: number } | undefined;
  private ended: FactstoreError | undefined;
  /** The last append that is being digested in pieces, or waits for one that is. */
  private digesting: Promise<void> | undefined;

  constructor(
    database: Database,
    forwarder: AppendForwarder,
    leadership: Leadership,
    options: { readonly patient: boolean; readonly origin: AppendOrigin; readonly clock: Clock },
  ) {
    this.database = database;
    this.forwarder = forwarder;
    this.leadership = leadership;
    this.lane = database.openLane(options.patient);
    this.origin = options.origin;
    this.clock = options.clock;
    this.laneNumber = options.patient ? ++lanes : 0;
  }

  /** Set once the route takes no more appends. */
  get refusal(): FactstoreError | undefined {
    return this.ended ?? this.lane.refusal;
  }

  /**
   * An AppendRequest in, an AppendResponse out, both as bytes. `deadlineMs` 0: none. `waitedMs`: for how long it has waited
   * at a node already, by which it is older than it says (rule S6).
   */
  async append(bytes: Uint8Array, deadlineMs: number, waitedMs = 0): Promise<Uint8Array> {
    const sinceMs = this.clock.monotonicMs() - waitedMs;
    const request = decodeAppendRequest(bytes);
    if (this.origin === 'client') refuseReservedProducer(request.producer?.producer);
    const large = bytes.length > PIECE_BYTES;
    const digest = large || this.digesting ? await this.digestInTurn(request.content, large) : undefined;
    const writes = request.writes.map((write) => ({ ...write, expect: expectationOf(write.expect, write.revision) }));
    const append = this.database.check({ ...request, writes }, digest);
    const refusal = this.refusal ?? this.bind();
    if (refusal) throw refusal;
    if (this.leadership.leads) return encodeAppendResponse(await this.lane.append(append, deadlineMs, sinceMs));
    if (this.origin === 'member' || !request.forward) throw this.leadership.notLeader();
    try {
      return await this.forwarder.forward(bytes, { lane: this.laneNumber, deadlineMs, sinceMs });
    } catch (error) {
      this.ended ??= breaksOrder(error);
      throw error;
    }
  }

  /** Large ones are digested in pieces; whatever comes meanwhile waits behind them, to keep the order of the call. */
  private digestInTurn(content: readonly Uint8Array[], large: boolean): Promise<Uint8Array | undefined> {
    const before = this.digesting ?? Promise.resolve();
    const digest = before.then(() => (large ? this.database.digestOfLarge(content) : undefined));
    const turn: Promise<void> = digest.then(() => {
      if (this.digesting === turn) this.digesting = undefined;
    });
    this.digesting = turn;
    return digest;
  }

  private bind(): FactstoreError | undefined {
    const { leader, term } = this.leadership;
    if (leader === undefined) return this.end(this.leadership.noLeader());
    this.boundTo ??= { leader, term };
    if (this.boundTo.leader !== leader || this.boundTo.term !== term) return this.end(this.leadership.notLeader());
    return undefined;
  }

  private end(refusal: FactstoreError): FactstoreError {
    this.ended = refusal;
    return refusal;
  }
}

/** A client that moved a projection's cursor would have it leave out what it emits (rule P2). */
function refuseReservedProducer(producer: string | undefined): void {
  if (producer === undefined || !isProjectionProducer(producer)) return;
  const text = `${JSON.stringify(producer)} begins with "projection:", which is reserved for what projections emit`;
  throw invalid('producer.producer', text);
}
