import { createHash, randomUUID } from 'node:crypto';
import { Metadata, Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import { toHex, uuidText } from '../../src/base/bytes.ts';
import { ERRORS, FactstoreError } from '../../src/base/errors.ts';
import { type EventKeys, recordedLength, scanRecordedEvent, writeRecordedEvent } from '../../src/model/event.ts';
import { matchesQuery } from '../../src/model/query.ts';
import { decodeAppendRequest } from '../../src/proto/append-request.ts';
import { encodeAppendResponse, type ShownCheck } from '../../src/proto/append-response.ts';
import { type AppendStreamRequest, type Batch, encodeAppendStreamResponse } from '../../src/proto/append-stream.ts';
import { expectationOf } from '../../src/proto/enums.ts';
import { encodeStatus } from '../../src/proto/error-detail.ts';
import { adminService, clusterService, projectionsService } from '../../src/proto/load.ts';
import {
  encodeGetProducerResponse,
  encodeGetStreamResponse,
  encodeHeadResponse,
  type GetProducerRequest,
  type GetStreamRequest,
  type HeadRequest,
} from '../../src/proto/lookups.ts';
import { encodeReadResponse, type ReadRequest, type Target } from '../../src/proto/read.ts';
import { eventsService, type Received, streamsService } from '../../src/proto/services.ts';
import { encodeSubscribeResponse, type SubscribeRequest } from '../../src/proto/subscribe.ts';
import { systemClock } from '../../src/runtime/clock.ts';

interface Row {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly createdUs: number;
  readonly bytes: Uint8Array;
}

/** What the fake nodes of one fake cluster share: a log in memory, which forgets nothing. */
export class FakeCluster {
  readonly rows: Row[] = [];
  readonly heads = new Map<string, number>();
  readonly answers = new Map<string, { readonly content: string; readonly answer: Uint8Array }>();
  readonly producers = new Map<string, { readonly current: number; readonly appendId: Uint8Array }>();
  readonly nodes: FakeNode[] = [];
  id: string = randomUUID();
  leader: FakeNode | undefined;
  term = 1;
  /** The last position that it shares with any other cluster. */
  takenOver = 0;
  /** Conflicts say that something was hidden, too, since what was known. */
  hidesMeanwhile = false;
  /** Who is a member, as changes of the members have left it; none of them stops a node. */
  readonly members = new Set(['n1', 'n2', 'n3']);
  featureLevel = 1;
  /** The append id of every start of a scavenge that reached a node. */
  readonly scavengeIds: string[] = [];
  /** Every append that reached a node: its id, and the age that it told. */
  readonly attempts: { readonly id: string; readonly ageMs: number; readonly node: string }[] = [];
  private watchers: (() => void)[] = [];

  async start(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) await this.join(`n${i}`);
    this.leader = this.nodes[0];
  }

  /** One more node, which does not lead. */
  async join(id: string): Promise<FakeNode> {
    const node = new FakeNode(this, id);
    await node.start();
    this.nodes.push(node);
    return node;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.kill();
  }

  url(...nodes: readonly FakeNode[]): string {
    return `factstore://${(nodes.length > 0 ? nodes : this.nodes).map((node) => node.address).join(',')}`;
  }

  /** Judges and applies an append; a repeat gets the first answer. */
  append(bytes: Uint8Array): Uint8Array {
    const request = decodeAppendRequest(bytes);
    const id = toHex(request.appendId);
    const content = hash(request.content);
    const first = this.answers.get(id);
    if (first) {
      if (first.content !== content) throw new FactstoreError('APPEND_ID_REUSED', 'the append id has another content');
      return first.answer;
    }
    const checks: ShownCheck[] = [];
    for (const write of request.writes) {
      const head = this.heads.get(write.stream) ?? -1;
      const expect = expectationOf(write.expect, write.revision);
      const ok =
        expect.kind === 'any' ||
        (expect.kind === 'none' && head < 0) ||
        (expect.kind === 'exists' && head >= 0) ||
        (expect.kind === 'revision' && expect.revision === head);
      if (ok) continue;
      const from = expect.kind === 'revision' ? expect.revision : -1;
      const since = this.rows.filter((row) => row.stream === write.stream && row.revision > from);
      const events = since.slice(0, 16).map((row) => row.bytes);
      const actual = head < 0 ? 'none' : 'exists';
      const cut = since.length > 16 || this.hidesMeanwhile;
      checks.push({ stream: write.stream, expect, actual, actualRevision: head, events, cut });
    }
    const conditions = request.conditions.flatMap(({ query, after }, index) => {
      const events = this.rows.filter((row) => row.position > after && isMeant(row, { kind: 'query', query }));
      return events.length > 0
        ? [{ index, events: events.slice(0, 16).map((row) => row.bytes), cut: events.length > 16 }]
        : [];
    });
    if (checks.length + conditions.length > 0) {
      return encodeAppendResponse({ kind: 'conflict', checks, conditions, position: this.rows.length });
    }
    const firstPosition = this.rows.length + 1;
    const createdUs = 1_700_000_000_000_000 + firstPosition;
    const writes: { stream: string; revision: number }[] = [];
    for (const write of request.writes) {
      for (const event of write.events) this.add(write.stream, event, createdUs);
      if (write.events.length > 0) writes.push({ stream: write.stream, revision: this.heads.get(write.stream) ?? 0 });
    }
    const outcome = { kind: 'appended' as const, firstPosition, position: this.rows.length, writes, createdUs };
    if (request.producer) {
      const { producer, current } = request.producer;
      this.producers.set(producer, { current, appendId: request.appendId });
    }
    this.answers.set(id, { content, answer: encodeAppendResponse({ ...outcome, repeated: true }) });
    for (const wake of this.watchers.splice(0)) wake();
    return encodeAppendResponse({ ...outcome, repeated: false });
  }

  moved(): Promise<void> {
    return new Promise((resolve) => this.watchers.push(resolve));
  }

  private add(stream: string, event: Uint8Array, createdUs: number): void {
    const revision = (this.heads.get(stream) ?? -1) + 1;
    const position = this.rows.length + 1;
    const name = Buffer.from(stream);
    const bytes = new Uint8Array(recordedLength(event, name, revision, position, createdUs));
    writeRecordedEvent(bytes, 0, event, name, revision, position, createdUs);
    this.heads.set(stream, revision);
    this.rows.push({ stream, revision, position, createdUs, bytes });
  }
}

type Refusal = FactstoreError | 'hang' | 'drop' | 'lose' | undefined;

/** A node of a fake cluster, on a real port, with knobs to make it misbehave. */
export class FakeNode {
  readonly id: string;
  address = '';
  /** Judges before every append whether it is refused; `hang`: never answered; `drop`: applied, and the call cut; `lose`: applied, never answered. */
  onAppend: (index: number) => Refusal = () => undefined;
  /**
   * What becomes of a change of the cluster that this node, as the leader, is asked for: `hang`: never answered; `drop`:
   * made, and the call cut; an error: made, and answered with that where it is not definite.
   */
  onChange: () => Refusal = () => undefined;
  /** How many changes of the cluster it was asked for. */
  changeCalls = 0;
  /** How many events a read gives before it fails. */
  failReadAfter = Number.POSITIVE_INFINITY;
  /** In what reads and subscriptions fail, once they do. */
  readFailure = new FactstoreError('NOT_READY', 'stops');
  /** In what every look-up and watch ends; undefined: they are answered. */
  lookupFailure: FactstoreError | undefined;
  readBatch = 3;
  /** How many messages without events a read gives before any with some, as a node does that passes over hidden ones. */
  quietMessages = 0;
  /** Calls of Read and Subscribe that came. */
  reads: ReadRequest[] = [];
  subscriptions: SubscribeRequest[] = [];
  /** Reads whose calls are not over. */
  openReads = 0;
  /** Messages that a read or subscription has written. */
  written = 0;
  appendCalls = 0;
  notReady = '';
  statusCalls = 0;
  /** What members say that its address is; its own unless set. */
  advertised: string | undefined;
  /** True: it takes connections and calls, and answers no question about its status. */
  mute = false;
  /** How long it takes to answer a question about its status. */
  answersAfterMs = 0;
  /** True: it takes subscriptions, and gives them nothing, as one does that has no leader. */
  silent = false;
  /** The term of which it says that it leads, whoever does. */
  leadsTerm: number | undefined;
  /** The cluster that reads and subscriptions name, where it is not the one of its status. */
  answersAs: string | undefined;
  private readonly cluster: FakeCluster;
  private server: Server | undefined;
  port = 0;
  private index = 0;

  constructor(cluster: FakeCluster, id: string) {
    this.cluster = cluster;
    this.id = id;
  }

  /** At the port that it had before, or that another one had. */
  async start(port = this.port, host = '127.0.0.1'): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': 32 << 20, 'grpc-node.flow_control_window': 65_535 });
    const add = server.addService.bind(server) as (service: object, handlers: object) => void;
    add(eventsService, {
      Append: (call: { request: Received<{ raw: Uint8Array }> }, answer: Answer) =>
        respond(answer, () => this.cluster.append(checked(call.request).raw)),
      AppendStream: (call: AppendCall) => this.appendStream(call),
      Read: (call: ServerWritableStream<Received<ReadRequest>, Uint8Array>) => void this.read(call),
      Subscribe: (call: ServerWritableStream<Received<SubscribeRequest>, Uint8Array>) => void this.subscribe(call),
      Head: (call: { request: Received<HeadRequest> }, answer: Answer) =>
        respond(answer, () => {
          checked(call.request);
          if (this.lookupFailure) throw this.lookupFailure;
          return encodeHeadResponse({ position: this.cluster.rows.length });
        }),
      GetProducer: (call: { request: Received<GetProducerRequest> }, answer: Answer) =>
        respond(answer, () => {
          const found = this.cluster.producers.get(checked(call.request).producer);
          return encodeGetProducerResponse(found ?? { current: 0, appendId: new Uint8Array(0) });
        }),
    });
    add(streamsService, {
      Get: (call: { request: Received<GetStreamRequest> }, answer: Answer) =>
        respond(answer, () => this.stream(checked(call.request).stream)),
    });
    add(projectionsService, {
      // One state, and then silence.
      Watch: (call: ServerWritableStream<unknown, object>) => {
        call.write({ partition: `told by ${this.id}` });
        if (this.lookupFailure) call.emit('error', statusOf(this.lookupFailure));
      },
    });
    add(adminService, {
      StartScavenge: (call: { request: { appendId: Uint8Array } }, answer: ChangeAnswer) => {
        this.cluster.scavengeIds.push(uuidText(call.request.appendId));
        this.change(answer, () => ({ point: 7 }));
      },
    });
    add(clusterService, {
      Status: async (_: unknown, answer: (error: null, status: object) => void) => {
        if (this.mute) return;
        if (this.answersAfterMs > 0) await systemClock.sleep(this.answersAfterMs);
        answer(null, this.status());
      },
      TransferLeadership: (call: { request: { nodeId: string } }, answer: ChangeAnswer) =>
        this.change(answer, () => {
          const next = this.cluster.nodes.find((node) => node.id === call.request.nodeId) ?? this.cluster.nodes.at(-1);
          this.cluster.leader = next;
          return { leader: next?.id };
        }),
      ChangeMembers: (call: { request: { remove: string } }, answer: ChangeAnswer) =>
        this.change(answer, () => {
          const { members } = this.cluster;
          if (!members.delete(call.request.remove)) throw new FactstoreError('NOT_FOUND', 'it is not a member');
          return { voters: [...members], learners: [] };
        }),
      RaiseFeatureLevel: (call: { request: { level: number } }, answer: ChangeAnswer) =>
        this.change(answer, () => {
          const { level } = call.request;
          if (level <= this.cluster.featureLevel) throw new FactstoreError('FAILED_PRECONDITION', 'it never falls');
          this.cluster.featureLevel = level;
          return { level };
        }),
    });
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    this.address = `${host}:${this.port}`;
    this.server = server;
  }

  /** As if the process had been killed. */
  kill(): void {
    this.server?.forceShutdown();
    this.server = undefined;
    if (this.cluster.leader === this) this.cluster.leader = undefined;
  }

  notLeader(): FactstoreError {
    const { leader } = this.cluster;
    if (!leader) return new FactstoreError('NO_LEADER', `no leader: ${this.id} waits for an election`);
    return new FactstoreError('NOT_LEADER', `${this.id} follows ${leader.id}`, { leader: leader.address });
  }

  private change(answer: ChangeAnswer, make: () => object): void {
    this.changeCalls++;
    if (this.cluster.leader !== this) return answer(statusOf(this.notLeader()));
    const refusal = this.onChange();
    if (refusal === 'hang') return;
    try {
      if (refusal instanceof FactstoreError && refusal.definite) throw refusal;
      const done = make();
      if (refusal === 'drop') this.kill();
      else if (refusal) throw refusal;
      else answer(null, done);
    } catch (error) {
      answer(statusOf(error));
    }
  }

  private status(): object {
    this.statusCalls++;
    const { leader, nodes, id } = this.cluster;
    return {
      clusterId: id,
      nodeId: this.id,
      role: leader === this || this.leadsTerm ? 'ROLE_LEADER' : 'ROLE_FOLLOWER',
      term: this.leadsTerm ?? this.cluster.term,
      leader: leader?.id ?? '',
      head: this.cluster.rows.length,
      chainHash: Buffer.alloc(32, 7),
      notReady: this.notReady,
      members: nodes.map((node) => ({ nodeId: node.id, address: node.advertised ?? node.address, voter: true })),
    };
  }

  private stream(name: string): Uint8Array {
    const rows = this.cluster.rows.filter((row) => row.stream === name);
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last) throw new FactstoreError('NOT_FOUND', `stream "${name}" has no events`);
    return encodeGetStreamResponse({
      stream: name,
      state: 'exists',
      headRevision: last.revision,
      firstRevision: first.revision,
      count: rows.length,
      createdUs: first.createdUs,
      lastAppendedUs: last.createdUs,
      lastPosition: last.position,
      head: this.cluster.rows.length,
    });
  }

  private appendStream(call: AppendCall): void {
    this.appendCalls++;
    let partial: { sequence: number; parts: Uint8Array[]; left: number } | undefined;
    call.on('error', () => {});
    const receive = (message: AppendStreamRequest): void => {
      if (message.kind === 'begin') {
        partial = { sequence: message.sequence, parts: [], left: message.totalBytes };
        call.write(encodeAppendStreamResponse({ kind: 'granted', sequence: message.sequence }));
      } else if (message.kind === 'chunk' && partial) {
        partial.parts.push(message.chunk);
        partial.left -= message.chunk.length;
        if (partial.left > 0) return;
        const whole = Buffer.concat(partial.parts);
        partial = undefined;
        this.judge(call, message.sequence, whole);
      } else if (message.kind === 'append') this.judge(call, message.sequence, message.append);
    };
    call.on('data', (received: Received<Batch<AppendStreamRequest>>) => {
      for (const message of checked(received)) receive(message);
    });
    call.on('end', () => call.end());
  }

  private judge(call: AppendCall, sequence: number, bytes: Uint8Array): void {
    const { appendId, attemptAgeMs, forward } = decodeAppendRequest(bytes);
    this.cluster.attempts.push({ id: toHex(appendId), ageMs: attemptAgeMs, node: this.id });
    const takes = this.cluster.leader === this || (forward && this.cluster.leader);
    const refusal = takes ? this.onAppend(++this.index) : this.notLeader();
    if (refusal === 'hang') return;
    if (refusal instanceof FactstoreError) {
      call.write(encodeAppendStreamResponse({ kind: 'error', sequence, error: refusal }));
      return;
    }
    try {
      const answer = this.cluster.append(bytes);
      if (refusal === 'drop') return void this.kill();
      if (refusal === 'lose') return;
      call.write(encodeAppendStreamResponse({ kind: 'answer', sequence, answer }));
    } catch (error) {
      call.write(encodeAppendStreamResponse({ kind: 'error', sequence, error: error as FactstoreError }));
    }
  }

  private async read(call: ServerWritableStream<Received<ReadRequest>, Uint8Array>): Promise<void> {
    let request: ReadRequest;
    try {
      request = checked(call.request);
    } catch (error) {
      return void call.emit('error', statusOf(error));
    }
    this.reads.push(request);
    this.openReads++;
    try {
      await this.give(call, request);
    } finally {
      this.openReads--;
    }
  }

  private async give(call: ServerWritableStream<unknown, Uint8Array>, request: ReadRequest): Promise<void> {
    const { target, backwards, start, limit } = request;
    const head = this.cluster.rows.length;
    let rows = this.cluster.rows.filter((row) => isMeant(row, target));
    if (backwards) rows.reverse();
    if (start) {
      const place = (row: Row) =>
        start.kind === 'revision'
          ? row.revision - start.revision
          : start.kind === 'position'
            ? row.position - start.position
            : row.createdUs - start.timeUs;
      rows = rows.filter((row) => (backwards ? place(row) <= 0 : place(row) >= 0));
    }
    if (limit > 0) rows = rows.slice(0, limit);
    const headRevision = target.kind === 'stream' ? (this.cluster.heads.get(target.stream) ?? -1) : undefined;
    const state = headRevision === undefined ? undefined : headRevision < 0 ? 'none' : 'exists';
    let given = 0;
    let first = true;
    const clusterId = this.answersAs ?? this.cluster.id;
    for (let at = -this.quietMessages * this.readBatch; first || at < rows.length; at += this.readBatch) {
      if (at >= 0 && given >= this.failReadAfter) return void call.emit('error', statusOf(this.readFailure));
      const batch = at < 0 ? [] : rows.slice(at, at + this.readBatch);
      given += batch.length;
      const events = batch.map((row) => row.bytes);
      const message = encodeReadResponse(
        first ? { start: { head, state, headRevision, clusterId }, events } : { events },
      );
      first = false;
      if (!(await this.write(call, message))) return;
    }
    call.end();
  }

  private async subscribe(call: ServerWritableStream<Received<SubscribeRequest>, Uint8Array>): Promise<void> {
    let request: SubscribeRequest;
    try {
      request = checked(call.request);
    } catch (error) {
      return void call.emit('error', statusOf(error));
    }
    this.subscriptions.push(request);
    if (this.silent) return;
    const { target, start, afterClusterId } = request;
    let after = start?.kind === 'after' ? start.position : 0;
    if (afterClusterId && after > this.cluster.takenOver) {
      const text = `after: position ${after} is of cluster ${afterClusterId}`;
      return void call.emit('error', statusOf(new FactstoreError('OUT_OF_RANGE', text, { field: 'after' })));
    }
    if (after > this.cluster.rows.length) {
      const error = new FactstoreError('OUT_OF_RANGE', `after: ${after} is beyond the head`, { field: 'after' });
      return void call.emit('error', statusOf(error));
    }
    let given = 0;
    while (!call.cancelled) {
      if (given >= this.failReadAfter) return void call.emit('error', statusOf(this.readFailure));
      const rows = this.cluster.rows.slice(after, after + this.readBatch);
      const matching = rows.filter((row) => isMeant(row, target));
      after += rows.length;
      given += matching.length;
      const caughtUp = after === this.cluster.rows.length ? after : undefined;
      const events = matching.map((row) => row.bytes);
      const clusterId = this.answersAs ?? this.cluster.id;
      if (!(await this.write(call, encodeSubscribeResponse({ events, caughtUp, checkpoint: after, clusterId }))))
        return;
      if (given < this.failReadAfter && caughtUp !== undefined && after === this.cluster.rows.length)
        await this.cluster.moved();
    }
  }

  private write(call: ServerWritableStream<unknown, Uint8Array>, message: Uint8Array): Promise<boolean> {
    if (call.cancelled) return Promise.resolve(false);
    this.written++;
    if (call.write(message)) return Promise.resolve(true);
    return new Promise((resolve) => {
      call.once('drain', () => resolve(true));
      call.once('cancelled', () => resolve(false));
    });
  }
}

function isMeant(row: Row, target: Target): boolean {
  if (target.kind === 'all') return true;
  if (target.kind === 'stream') return row.stream === target.stream;
  return matchesQuery(target.query, scanRecordedEvent(row.bytes) as EventKeys);
}

function hash(parts: readonly Uint8Array[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

type AppendCall = ServerDuplexStream<Received<Batch<AppendStreamRequest>>, Uint8Array>;
type Answer = (error: unknown, bytes?: Uint8Array) => void;
type ChangeAnswer = (error: unknown, done?: object) => void;

function checked<T>(received: Received<T>): T {
  if (received instanceof FactstoreError) throw received;
  return received;
}

function respond(answer: Answer, work: () => Uint8Array): void {
  try {
    answer(null, work());
  } catch (error) {
    answer(statusOf(error));
  }
}

function statusOf(error: unknown): object {
  if (!(error instanceof FactstoreError)) return { code: 13, details: String(error) };
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', encodeStatus(error));
  return { code: ERRORS[error.code].grpc, details: error.message, metadata };
}
