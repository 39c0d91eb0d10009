import { decodeUtf8 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { FactstoreClient } from '../../src/client/index.ts';
import { decodeRecordedEvent, type RecordedEventFields } from '../../src/proto/event.ts';
import { decodeReadResponse, encodeReadRequest, type Target } from '../../src/proto/read.ts';
import { eventsService } from '../../src/proto/services.ts';
import { RawClient } from '../support/raw-client.ts';

const STREAMS = 40;
const TAGS = 50;
const PADDING = 120;
/** Padding that LevelDB cannot compress away. */
const noise = new Prng(1);
const POOL = Array.from({ length: 4_000 }, () => noise.between(0, 36).toString(36)).join('');

/** A node has shown what was never appended so, or has left something out. */
export class WrongAnswer extends Error {}

interface Numbered {
  readonly n: number;
  readonly event: RecordedEventFields;
}

/** What was appended, and what a node makes of it: every event says itself what it is and where it belongs. */
export class Truth {
  private readonly client: FactstoreClient;
  private sent = 0;
  private appends = 0;
  /** By the number of an event, its position. */
  private readonly acknowledged = new Map<number, number>();

  constructor(client: FactstoreClient) {
    this.client = client;
  }

  /** The last position that was acknowledged. */
  head = 0;

  /** One append of so many events to one stream. */
  async append(count: number): Promise<void> {
    const first = this.sent;
    const stream = `s-${this.appends++ % STREAMS}`;
    this.sent += count;
    const events = Array.from({ length: count }, (_, i) => eventOf(first + i, stream));
    const { firstPosition, position } = await this.client.append(stream, events, { timeoutMs: 60_000 });
    for (let i = 0; i < count; i++) this.acknowledged.set(first + i, Number(firstPosition) + i);
    this.head = Math.max(this.head, Number(position));
  }

  /** Reads all that a node has, in several ways: a WrongAnswer where it is not what was appended. */
  async check(address: string): Promise<void> {
    const node = new RawClient(address);
    try {
      const { head, events } = await readLocal(node, { kind: 'all' });
      const numbered = events.map(numberedEvent);
      this.checkOrder(numbered);
      const shown = new Map(numbered.map(({ n, event }) => [n, event.position]));
      for (const [n, position] of this.acknowledged)
        if (position <= head && shown.get(n) !== position)
          throw new WrongAnswer(`event ${n} is at ${position}, the node shows it at ${shown.get(n)}`);
      await this.checkParts(node, numbered, head);
    } finally {
      node.close();
    }
  }

  private checkOrder(numbered: readonly Numbered[]): void {
    const revisions = new Map<string, number>();
    let before = 0;
    for (const { n, event } of numbered) {
      const expected = eventOf(n, event.stream);
      if (event.position <= before) throw new WrongAnswer(`position ${event.position} comes after ${before}`);
      if (n >= this.sent || event.type !== expected.type || event.tags.join() !== expected.tags.join())
        throw new WrongAnswer(`event ${n} is another one: ${event.type}, ${event.tags.join()}`);
      const revision = (revisions.get(event.stream) ?? -1) + 1;
      if (event.revision !== revision) throw new WrongAnswer(`${event.stream} goes on with revision ${event.revision}`);
      revisions.set(event.stream, revision);
      before = event.position;
    }
  }

  /** Streams, a type, a tag and a category: what the index finds is what everything holds. */
  private async checkParts(node: RawClient, all: readonly Numbered[], head: number): Promise<void> {
    const query = (part: object): Target => ({
      kind: 'query',
      query: { items: [{ types: [], tags: [], categories: [], streams: [], streamPrefixes: [], ...part }] },
    });
    const parts: [Target, (one: Numbered) => boolean][] = [
      [query({ tags: ['k:7'] }), ({ n }) => n % TAGS === 7],
      [query({ types: ['T3'], tags: ['k:8'] }), ({ n }) => n % TAGS === 8],
      [query({ categories: ['s'], tags: ['k:9'] }), ({ n }) => n % TAGS === 9],
      ...[1, 17, 38].map((s): [Target, (one: Numbered) => boolean] => [
        { kind: 'stream', stream: `s-${s}` },
        ({ event }) => event.stream === `s-${s}`,
      ]),
    ];
    for (const [target, belongs] of parts) {
      const found = (await readLocal(node, target)).events.filter(({ position }) => position <= head);
      const expected = all.filter(belongs).map(({ event }) => event.position);
      if (found.map(({ position }) => position).join() !== expected.join())
        throw new WrongAnswer(`${JSON.stringify(target)} gives ${found.length} events instead of ${expected.length}`);
    }
  }
}

function eventOf(n: number, stream: string) {
  const at = (n * 7) % (POOL.length - PADDING);
  const padding = POOL.slice(at, at + PADDING);
  return { type: `T${n % 5}`, tags: [`k:${n % TAGS}`], data: { n, stream, padding } };
}

function numberedEvent(event: RecordedEventFields): Numbered {
  const text = decodeUtf8(event.data) as string;
  const { n, stream } = JSON.parse(text) as { n: number; stream: string };
  if (stream !== event.stream || text !== JSON.stringify(eventOf(n, stream).data))
    throw new WrongAnswer(`position ${event.position} of ${event.stream} is not what was appended: ${text}`);
  return { n, event };
}

/** A refusal by the node ends in its error. */
async function readLocal(node: RawClient, target: Target): Promise<{ head: number; events: RecordedEventFields[] }> {
  const consistency = { kind: 'local' } as const;
  const request = { target, consistency, backwards: false, start: undefined, limit: 0, userEvents: true };
  const { code, details, error, messages } = await node.serverStream(
    eventsService.Read.path,
    encodeReadRequest(request),
  );
  if (code !== 0) throw error ?? new Error(`gRPC status ${code}: ${details}`);
  const answers = messages.map(decodeReadResponse);
  const head = answers[0]?.start?.head ?? 0;
  return { head, events: answers.flatMap(({ events }) => events.map(decodeRecordedEvent)) };
}
