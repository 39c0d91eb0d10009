import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { FactstoreError } from '../../src/base/errors.ts';
import {
  type AppendStreamRequest,
  type AppendStreamResponse,
  type Batch,
  decodeAppendStreamRequests,
  decodeAppendStreamResponses,
  encodeAppendStreamRequest,
  encodeBatch,
  REQUESTS_PER_MESSAGE_MAX,
} from '../../src/proto/append-stream.ts';
import { eventsService } from '../../src/proto/services.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { AppendRoute } from '../../src/server/append-routing.ts';
import { type AppendStreamCall, AppendStreamSession } from '../../src/server/append-stream.ts';
import { ReceiveBudget } from '../../src/server/receive-budget.ts';
import { Traffic } from '../../src/server/traffic.ts';

const OPEN_MAX = 1_024;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The smallest appends, in one message: each names its place. */
function messageOf(count: number, append = (n: number) => Uint8Array.of(n >> 8, n & 255)): Buffer {
  const requests = Array.from({ length: count }, (_, n) => {
    return encodeAppendStreamRequest({ kind: 'append', sequence: n + 1, append: append(n) });
  });
  return Buffer.from(encodeBatch(requests));
}

/** A session whose appends are answered by hand. */
class Session {
  readonly budget = new ReceiveBudget(64 << 20);
  readonly taken: number[] = [];
  readonly open: Deferred<Uint8Array>[] = [];
  readonly answers: AppendStreamResponse[] = [];
  /** The most appends that began in one turn. */
  begunPerTurn = 0;
  status: FactstoreError | 'ok' | undefined;
  private readonly call: Duplex;

  constructor() {
    let begun = 0;
    const route = {
      refusal: undefined,
      append: (bytes: Buffer) => {
        if (begun === 0) setImmediate(() => (begun = 0));
        this.begunPerTurn = Math.max(this.begunPerTurn, ++begun);
        this.taken.push(bytes.readUInt16BE());
        const answer = deferred<Uint8Array>();
        this.open.push(answer);
        return answer.promise;
      },
    };
    this.call = new Duplex({
      objectMode: true,
      read: () => {},
      write: (message: Uint8Array, _, done) => {
        this.answers.push(...decodeAppendStreamResponses(message));
        done();
      },
    });
    this.call.on('error', (error) => (this.status = error as FactstoreError));
    this.call.on('finish', () => (this.status = 'ok'));
    const ports = {
      budget: this.budget,
      clock: systemClock,
      logger: createLogger('silent', {}),
      traffic: new Traffic(),
    };
    new AppendStreamSession(
      this.call as unknown as AppendStreamCall,
      route as unknown as AppendRoute,
      ports,
      new Set(),
    );
  }

  receive(message: Batch<AppendStreamRequest>): void {
    this.call.push(message);
  }

  end(): void {
    this.call.push(null);
  }

  answer(count: number): void {
    for (const answer of this.open.splice(0, count)) answer.resolve(Uint8Array.of(1));
  }

  /** Lets everything that can happen without an answer happen. */
  async settle(): Promise<void> {
    for (let before = -1; before !== this.taken.length; ) {
      before = this.taken.length;
      for (let n = 0; n < 5; n++) await turn();
    }
  }
}

describe('one message of AppendStream with many appends', () => {
  it('is refused where it holds more than a message may, before the rest is decoded [C3, C8]', () => {
    const most = messageOf(REQUESTS_PER_MESSAGE_MAX);
    expect(decodeAppendStreamRequests(most)).toHaveLength(REQUESTS_PER_MESSAGE_MAX);
    // What stands behind it would be refused in other words.
    const bytes = Buffer.concat([most, Buffer.of(0x2a, 0), Buffer.of(0x2a, 1, 0xff)]);
    expect(eventsService.AppendStream.requestDeserialize(bytes)).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'batch: 16385 messages is over the limit of 16384',
    });
  });

  it('has no more of them open than a call may, in the order sent, some at a time [S4, C3, C8]', async () => {
    const session = new Session();
    const count = 3 * OPEN_MAX + 100;
    session.receive(decodeAppendStreamRequests(messageOf(count)));
    session.end();
    let most = 0;
    for (let answered = 0; answered < count; ) {
      await session.settle();
      most = Math.max(most, session.open.length);
      expect(session.open).toHaveLength(Math.min(OPEN_MAX, count - answered));
      const next = Math.min(700, session.open.length);
      session.answer(next);
      answered += next;
    }
    await session.settle();
    expect(most).toBe(OPEN_MAX);
    expect(session.begunPerTurn).toBe(256);
    expect(session.taken).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(session.answers.map(({ sequence }) => sequence)).toEqual(session.taken.map((n) => n + 1));
    expect(session.status).toBe('ok');
    expect(session.budget.used).toBe(0);
  });

  it('takes its next message only once all of the one before are taken up [S4]', async () => {
    const session = new Session();
    const requests = decodeAppendStreamRequests(messageOf(2_000));
    session.receive(requests.slice(0, 1_500));
    session.receive(requests.slice(1_500));
    await session.settle();
    expect(session.taken).toHaveLength(OPEN_MAX);
    session.answer(OPEN_MAX);
    await session.settle();
    expect(session.taken).toEqual(requests.map((_, n) => n));
  });

  it('counts as received until each is answered, and no more once the call is over [C8]', async () => {
    const session = new Session();
    session.receive(decodeAppendStreamRequests(messageOf(2_000)));
    await session.settle();
    expect(session.budget.used).toBe(4_000);
    session.answer(24);
    await session.settle();
    expect(session.budget.used).toBe(3_952);
    // This one is wrong: nothing is granted. It ends the call once it is its turn.
    session.receive([{ kind: 'chunk', sequence: 9, chunk: Uint8Array.of(1) }]);
    session.answer(OPEN_MAX);
    await session.settle();
    expect(session.status).toMatchObject({ code: 3 });
    session.answer(OPEN_MAX);
    await session.settle();
    expect(session.taken).toHaveLength(2_000);
    expect(session.budget.used).toBe(0);
  });

  it('is not appended behind what breaks the order of messages, and is given back to the budget [S4, C8]', async () => {
    const session = new Session();
    const requests = decodeAppendStreamRequests(messageOf(10));
    const begin = { kind: 'begin', sequence: 50, totalBytes: 500 } as const;
    session.receive([...requests.slice(0, 4), begin, ...requests.slice(4)]);
    await session.settle();
    expect(session.status).toMatchObject({ code: 3 });
    session.answer(4);
    await session.settle();
    expect(session.taken).toEqual([0, 1, 2, 3]);
    expect(session.budget.used).toBe(0);
  });
});
