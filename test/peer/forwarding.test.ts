import { afterEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { ForwardedContext, ForwardHandler } from '../../src/peer/forward-server.ts';
import { Forwarder, type ForwarderOptions } from '../../src/peer/forwarding.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Deferred, deferred } from '../../src/runtime/deferred.ts';
import { killAll, startNode, type TestNode, until } from './support.ts';

const clusterId = Buffer.alloc(16, 0xc1);
const free = { lane: 0, deadlineMs: 0 };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (from: string) => Buffer.from(from);
const forwarders: Forwarder[] = [];

afterEach(() => {
  for (const forwarder of forwarders.splice(0)) forwarder.close();
  killAll();
});

/** A leader n1 that judges with `handle`, and n2 that forwards to it. */
async function pair(handle: ForwardHandler, options: Partial<ForwarderOptions> = {}) {
  const n1 = await startNode({ nodeId: 'n1', clusterId, handle });
  const n2 = await startNode({ nodeId: 'n2', clusterId });
  for (const node of [n1, n2]) node.network.setMembers([n1.member(), n2.member()]);
  const forwarder = forwarderOf(n2, options);
  forwarder.setLeader(n1.id);
  return { n1, n2, forwarder };
}

function forwarderOf(node: TestNode, options: Partial<ForwarderOptions> = {}): Forwarder {
  const addressOf = (member: string) => node.network.addressOf(member);
  const forwarder = new Forwarder({ handshake: node.handshake, clock: systemClock, addressOf, ...options });
  forwarders.push(forwarder);
  return forwarder;
}

/** A handler that answers when it is told to. */
function patient() {
  const seen: { append: string; context: ForwardedContext; answer: Deferred<Uint8Array> }[] = [];
  const handle: ForwardHandler = (append, context) => {
    const answer = deferred<Uint8Array>();
    seen.push({ append: text(append), context, answer });
    return answer.promise;
  };
  return { seen, handle };
}

describe('a follower forwards appends to the leader', () => {
  test('in order, with lane, deadline and sender, and gets each answer as soon as it is there [S9]', async () => {
    const { seen, handle } = patient();
    const { n2, forwarder } = await pair(handle);
    const answers = ['a', 'b', 'c', 'd'].map((append, i) =>
      forwarder.forward(bytes(append), { lane: i < 2 ? 7 : 0, deadlineMs: i === 0 ? 5000 : 0 }),
    );
    await until(() => seen.length === 4);
    expect(seen.map(({ append }) => append)).toEqual(['a', 'b', 'c', 'd']);
    const contexts = seen.map(({ context }) => context);
    expect(contexts[0]?.lane).toBe(contexts[1]?.lane);
    expect(new Set(contexts.map(({ lane }) => lane)).size).toBe(3);
    expect(contexts[0]?.deadlineMs).toBeGreaterThan(3000);
    expect(contexts[0]?.deadlineMs).toBeLessThanOrEqual(5000);
    expect(contexts[1]?.deadlineMs).toBe(0);
    expect(contexts.every(({ from }) => from === n2.id)).toBe(true);
    seen[2]?.answer.resolve(bytes('third'));
    expect(text((await answers[2]) ?? Buffer.alloc(0))).toBe('third');
    for (const { answer, append } of seen) answer.resolve(bytes(`answer ${append}`));
    expect((await Promise.all(answers)).map(text)).toEqual(['answer a', 'answer b', 'third', 'answer d']);
  });

  test('with how long they have waited here [S6, S9]', async () => {
    const { seen, handle } = patient();
    const { forwarder } = await pair(handle);
    const sinceMs = systemClock.monotonicMs() - 70_000;
    const answers = [forwarder.forward(bytes('a'), { ...free, sinceMs }), forwarder.forward(bytes('b'), free)];
    await until(() => seen.length === 2);
    for (const { answer } of seen) answer.resolve(bytes('answer'));
    await Promise.all(answers);
    const [old, young] = seen.map(({ context }) => context.waitedMs);
    expect(old).toBeGreaterThanOrEqual(70_000);
    expect(young).toBeLessThan(60_000);
  });

  test('thousands of them, large ones among them [S9]', async () => {
    const { forwarder } = await pair(async (append) => bytes(`${append.length}`));
    const sizes = Array.from({ length: 3000 }, (_, i) => (i % 1000 === 0 ? 5_000_000 : i));
    const answers = await Promise.all(sizes.map((size) => forwarder.forward(Buffer.alloc(size), free)));
    expect(answers.map((answer) => Number(text(answer)))).toEqual(sizes);
  });

  test('and rebuilds the error of the leader: code, text, definite, details [S9]', async () => {
    const thrown = [
      new FactstoreError('OVERLOADED', 'too much', { limit: '7' }),
      new FactstoreError('LEADERSHIP_LOST', 'gone', { leader: 'n1' }),
      new FactstoreError('DEADLINE_EXCEEDED', 'late', {}, { definite: true }),
    ];
    const { forwarder, n1 } = await pair(async (append) => {
      const error = thrown[Number(text(append))];
      throw error ?? new TypeError('a bug');
    });
    for (const [i, error] of thrown.entries()) {
      const caught = await forwarder.forward(bytes(String(i)), free).catch((reason) => reason);
      expect(caught).toBeInstanceOf(FactstoreError);
      expect({ ...caught, message: caught.message }).toEqual({ ...error, message: error.message });
    }
    await expect(forwarder.forward(bytes('x'), free)).rejects.toMatchObject({ code: 'INTERNAL', definite: false });
    expect(n1.lines.some((line) => line.event === 'forward.failed')).toBe(true);
  });
});

describe('an append whose leader is lost', () => {
  test('after it was sent has an unknown fate; the next one goes to the new leader [S9]', async () => {
    const { seen, handle } = patient();
    const { n1, n2, forwarder } = await pair(handle);
    const pending = [forwarder.forward(bytes('a'), free), forwarder.forward(bytes('b'), free)];
    const outcomes = Promise.allSettled(pending);
    await until(() => seen.length === 2);
    n1.kill();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'LEADERSHIP_LOST', definite: false } });
    }
    const n3 = await startNode({ nodeId: 'n3', clusterId, handle: async () => bytes('by n3') });
    for (const node of [n2, n3]) node.network.setMembers([n1.member(), n2.member(), n3.member()]);
    forwarder.setLeader(n3.id);
    expect(text(await forwarder.forward(bytes('c'), free))).toBe('by n3');
  });

  test('before it was sent is certainly not written [S9]', async () => {
    const { n1, forwarder } = await pair(async (append) => append);
    n1.kill();
    const failed = forwarder.forward(bytes('a'), free);
    await expect(failed).rejects.toMatchObject({ code: 'NO_LEADER', definite: true });
    await expect(failed).rejects.toThrow(
      `the leader n1 cannot be reached (connection refused ${n1.address}). Nothing was written. Try again`,
    );
    await expect(forwarder.forward(bytes('b'), free)).rejects.toMatchObject({ code: 'NO_LEADER', definite: true });
  });

  test('because another one leads now still gets the answer of the old one [S9]', async () => {
    const { seen, handle } = patient();
    const { forwarder } = await pair(handle);
    const pending = forwarder.forward(bytes('a'), free);
    await until(() => seen.length === 1);
    forwarder.setLeader(undefined);
    await expect(forwarder.forward(bytes('b'), free)).rejects.toMatchObject({ code: 'NO_LEADER', definite: true });
    seen[0]?.answer.reject(new FactstoreError('NOT_LEADER', 'stepped down'));
    await expect(pending).rejects.toMatchObject({ code: 'NOT_LEADER', definite: true });
  });

  test('fails at once where no leader is known, or this node leads itself [S9]', async () => {
    const { n2, forwarder } = await pair(async (append) => append);
    for (const leader of [undefined, n2.id, 'n9/x']) {
      forwarder.setLeader(leader);
      await expect(forwarder.forward(bytes('a'), free)).rejects.toMatchObject({ code: 'NO_LEADER', definite: true });
    }
  });

  test('of a follower that is refused is certainly not written (DESIGN §6)', async () => {
    const { n1, n2, forwarder } = await pair(async (append) => append);
    n1.network.setMembers([n1.member()]);
    const failed = forwarder.forward(bytes('a'), free);
    await expect(failed).rejects.toMatchObject({ code: 'NO_LEADER', definite: true });
    await expect(failed).rejects.toThrow(`${n2.id} is not a member of this cluster`);
  });
});

describe('forwarding is bounded', () => {
  test('an append past its deadline is dropped; whether it was sent decides what is known [S9]', async () => {
    const { seen, handle } = patient();
    const { n1, n2, forwarder } = await pair(handle);
    const sent = forwarder.forward(bytes('a'), { lane: 0, deadlineMs: 300 });
    await expect(sent).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: false });
    expect(seen).toHaveLength(1);

    const silent = (await import('node:net')).createServer(() => undefined).listen(0, '127.0.0.1');
    await until(() => silent.listening);
    const peerAddress = `127.0.0.1:${(silent.address() as { port: number }).port}`;
    const stuck = forwarderOf(n2, { addressOf: () => peerAddress });
    stuck.setLeader(n1.id);
    const unsent = stuck.forward(bytes('a'), { lane: 0, deadlineMs: 20 });
    await expect(unsent).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', definite: true });
    stuck.close();
    silent.close();
  });

  test('beyond the bound appends are refused definitely, and pass again once there is room [C8]', async () => {
    const { seen, handle } = patient();
    const { forwarder } = await pair(handle, { pendingMax: 2, pendingBytesMax: 100 });
    const first = forwarder.forward(bytes('a'), free);
    await expect(forwarder.forward(Buffer.alloc(101), free)).rejects.toMatchObject({ code: 'OVERLOADED' });
    const second = forwarder.forward(bytes('b'), free);
    await expect(forwarder.forward(bytes('c'), free)).rejects.toMatchObject({ code: 'OVERLOADED', definite: true });
    await until(() => seen.length === 2);
    for (const { answer } of seen) answer.resolve(bytes('done'));
    await Promise.all([first, second]);
    const large = forwarder.forward(Buffer.alloc(1000), free);
    await until(() => seen.length === 3);
    seen[2]?.answer.resolve(bytes('done'));
    expect(text(await large)).toBe('done');
  });

  test('a follower is made to wait while the leader has thousands without an answer [C8]', async () => {
    const { seen, handle } = patient();
    const { forwarder } = await pair(handle, { pendingMax: 10_000 });
    const all = Array.from({ length: 5000 }, (_, i) => forwarder.forward(bytes(String(i)), free));
    await until(() => seen.length >= 4096);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(seen.length).toBeLessThan(4096 + 64);
    const first = seen.length;
    for (const { answer } of seen) answer.resolve(bytes('done'));
    await until(() => seen.length === all.length);
    for (const { answer } of seen.slice(first)) answer.resolve(bytes('done'));
    await Promise.all(all);
    expect(seen.map(({ append }) => append)).toEqual(all.map((_, i) => String(i)));
  });

  test('closing rejects what is pending [S9]', async () => {
    const { seen, handle } = patient();
    const { forwarder } = await pair(handle);
    const pending = forwarder.forward(bytes('a'), free);
    await until(() => seen.length === 1);
    forwarder.close();
    await expect(pending).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', definite: false });
  });
});
