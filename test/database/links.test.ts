import { describe, expect, it, vi } from 'vitest';
import { LinkFollower } from '../../src/database/links.ts';
import { LIMITS } from '../../src/model/limits.ts';
import { LINK_CONTENT_TYPE, linkOf, linkText } from '../../src/model/link.ts';
import { EventIndex } from '../../src/storage/index/event-index.ts';
import { EventReader } from '../../src/storage/index/event-reader.ts';
import { collect, encodeEvent, feed, LogFixture } from '../storage/index/log-fixture.ts';
import { MemoryStore, turn } from '../storage/index/memory-store.ts';

/** What the SDK and the command line take of one message. */
const MESSAGE_BYTES_MAX = 32 << 20;

/** A link with so many bytes of data. */
function padded(stream: string, bytes: number): Buffer {
  const text = linkText({ stream, revision: 0 });
  return Buffer.concat([Buffer.from(text), Buffer.alloc(bytes - text.length, ' ')]);
}

const event = (data: Uint8Array) => encodeEvent({ type: 'Link', data, contentType: LINK_CONTENT_TYPE });

describe('what looks like a link', () => {
  it('and is longer than any link is none, and is not parsed [C3]', () => {
    const parse = vi.spyOn(JSON, 'parse');
    try {
      expect(linkOf(event(padded('c-1', LIMITS.eventBytesMax)))).toBeUndefined();
      expect(linkOf(encodeEvent({ type: 'T', data: padded('c-1', 100), contentType: 'text/plain' }))).toBeUndefined();
      expect(parse).not.toHaveBeenCalled();
      expect(linkOf(event(padded('c-1', 8 << 10)))).toEqual({ stream: 'c-1', revision: 0 });
    } finally {
      parse.mockRestore();
    }
  });

  it('is one where it has the longest name, written in the longest way', () => {
    const stream = 'x'.repeat(LIMITS.streamNameBytesMax);
    const place = Number.MAX_SAFE_INTEGER;
    const escaped = '\\u0078'.repeat(stream.length);
    const text = `{ "stream": "${escaped}", "revision": ${place}, "position": ${place} }`;
    expect(linkOf(event(Buffer.from(text)))).toEqual({ stream, revision: place, position: place });
  });
});

describe('links that are followed', () => {
  it('make no message larger than a client takes, however large what is stored is', async () => {
    const log = new LogFixture();
    const large = LIMITS.eventBytesMax;
    const links = [padded('c-1', large), padded('c-2', 100), padded('c-1', 100), padded('c-1', 100)];
    log.append({ writes: [{ stream: 'c-1', events: [{ type: 'T', data: new Uint8Array(large) }] }] });
    log.append({ writes: [{ stream: 'c-2', events: [{ type: 'T', data: new Uint8Array((1 << 20) - 100) }] }] });
    for (const data of links) {
      log.append({ writes: [{ stream: 'l', events: [{ type: 'Link', data, contentType: LINK_CONTENT_TYPE }] }] });
    }
    const index = await EventIndex.open(new MemoryStore(), log.chainAt, { blockEvents: 64 });
    await feed(index, log);
    const reader = new EventReader({ log, yieldTurn: turn });
    const view = index.view();
    const follower = new LinkFollower(reader, view);
    const found: (number | undefined)[] = [];
    for await (const { events } of reader.readStream(view, 'l')) {
      for (const piece of await collect(follower.follow(events))) {
        const targets = piece.links.map(({ target }) => (typeof target === 'string' ? 0 : target.length));
        const bytes = [...piece.events.map((read) => read.bytes.length), ...targets].reduce((sum, n) => sum + n, 0);
        expect(bytes).toBeLessThan(MESSAGE_BYTES_MAX);
        for (const [n] of piece.events.entries()) {
          const at = piece.links.findIndex((link) => link.at === n);
          found.push(at < 0 ? undefined : Math.round((targets[at] ?? 0) / (1 << 20)));
        }
      }
    }
    expect(found).toEqual([undefined, 1, 16, 16]);
  });
});
