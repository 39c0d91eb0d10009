import { expect } from 'vitest';
import type { Prng } from '../../../src/base/prng.ts';
import type { EventIndex } from '../../../src/storage/index/event-index.ts';
import { EventReader } from '../../../src/storage/index/event-reader.ts';
import type { IndexView } from '../../../src/storage/index/index-view.ts';
import { type BlockNameKind, Kind } from '../../../src/storage/index/keys.ts';
import { collect, type LogFixture, type ModelEvent } from './log-fixture.ts';
import { turn } from './memory-store.ts';

/** Compares one look of everything that a view, or the index, can be asked with what the log says up to that place. */
export async function checkView(
  view: IndexView,
  log: LogFixture,
  prng: Prng,
  streams: readonly string[],
): Promise<void> {
  const events = log.events.slice(0, view.head);
  await checkStream(view, events, prng, streams[prng.between(0, streams.length)] as string);
  await checkNames(view, events, prng);
  await checkReads(view, events, log, prng, streams[prng.between(0, streams.length)] as string);
  for (let i = 0; i < 5 && events.length > 0; i++) {
    const event = events[prng.between(0, events.length)] as ModelEvent;
    const record = log.records[event.logIndex - 1]!;
    expect(await view.locate(event.position)).toEqual({
      logIndex: event.logIndex,
      firstPosition: record.firstPosition,
      createdUs: record.createdUs,
      bytes: record.bytes.length,
    });
  }
}

async function checkStream(view: IndexView, events: readonly ModelEvent[], prng: Prng, stream: string): Promise<void> {
  const own = events.filter((event) => event.stream === stream);
  const last = own.at(-1);
  expect(await view.streamHead(stream)).toEqual({
    state: last ? 'exists' : 'none',
    revision: own.length - 1,
    createdUs: own[0]?.createdUs ?? 0,
    firstPosition: own[0]?.position ?? 0,
    lastAppendedUs: last?.createdUs ?? 0,
    lastPosition: last?.position ?? 0,
  });
  const from = prng.between(0, own.length + 3);
  const position = prng.between(0, view.head + 3);
  const after = own.findIndex((event) => event.position > position);
  expect(await view.revisionAfterPosition(stream, position)).toBe(after < 0 ? own.length : after);
  for (const backwards of [false, true]) {
    const batches = await collect(view.streamPlaces(stream, { fromRevision: from, backwards }));
    const found = batches.flatMap((batch) =>
      batch.positions.map((at, i) => [at, batch.revision + (backwards ? -i : i)] as const),
    );
    const wanted = own.filter((event) => (backwards ? event.revision <= from : event.revision >= from));
    if (backwards) wanted.reverse();
    expect(found).toEqual(wanted.map((event) => [event.position, event.revision]));
  }
}

async function checkNames(view: IndexView, events: readonly ModelEvent[], prng: Prng): Promise<void> {
  const sample = events[prng.between(0, Math.max(1, events.length))];
  if (!sample) return;
  const names: [BlockNameKind, string, (event: ModelEvent) => boolean][] = [
    [Kind.type, sample.type, (event) => event.type === sample.type],
    [Kind.category, sample.category, (event) => event.category === sample.category],
    [Kind.created, sample.category, (event) => event.category === sample.category && event.revision === 0],
    [Kind.created, '', (event) => event.revision === 0],
    ...sample.tags.map((tag): [BlockNameKind, string, (event: ModelEvent) => boolean] => [
      Kind.tag,
      tag,
      (event) => event.tags.includes(tag),
    ]),
  ];
  const from = prng.between(1, view.head + 2);
  for (const [kind, name, matches] of names) {
    for (const backwards of [false, true]) {
      const batches = await collect(view.namedPlaces(kind, name, { fromPosition: from, backwards }));
      const wanted = events
        .filter((event) => matches(event) && (backwards ? event.position <= from : event.position >= from))
        .map((event) => event.position);
      expect(batches.flatMap((batch) => batch.positions)).toEqual(backwards ? wanted.reverse() : wanted);
    }
  }
}

async function checkReads(
  view: IndexView,
  events: readonly ModelEvent[],
  log: LogFixture,
  prng: Prng,
  stream: string,
): Promise<void> {
  const ring = prng.between(0, 40);
  const recent = (index: number) => (index > log.records.length - ring ? log.records[index - 1] : undefined);
  const reader = new EventReader({ log, recent, yieldTurn: turn });
  const limit = prng.between(0, 2) === 0 ? undefined : prng.between(0, 60);
  for (const backwards of [false, true]) {
    const from = prng.between(0, view.head + 2);
    const userEvents = prng.between(0, 2) === 0;
    const all = await collect(reader.readAll(view, { from, backwards, limit, userEvents }));
    const wanted = events.filter(
      (event) =>
        (backwards ? event.position <= from : event.position >= from) && !(userEvents && event.stream.startsWith('$')),
    );
    if (backwards) wanted.reverse();
    expect(all.flatMap((batch) => batch.events.map((event) => event.position))).toEqual(
      wanted.slice(0, limit).map((event) => event.position),
    );
    const fromRevision = prng.between(0, 20);
    const own = await collect(reader.readStream(view, stream, { from: fromRevision, backwards, limit }));
    const wantedOwn = events.filter(
      (event) =>
        event.stream === stream && (backwards ? event.revision <= fromRevision : event.revision >= fromRevision),
    );
    if (backwards) wantedOwn.reverse();
    expect(own.flatMap((batch) => batch.events.map((event) => [event.revision, event.position]))).toEqual(
      wantedOwn.slice(0, limit).map((event) => [event.revision, event.position]),
    );
  }
}

/** Compares what the sequencer asks with what the log says up to the applied entry. */
export async function checkLookups(
  index: EventIndex,
  log: LogFixture,
  prng: Prng,
  streams: readonly string[],
  producers: readonly string[],
  applyMeanwhile: () => Promise<void>,
): Promise<void> {
  const asked = streams.filter(() => prng.between(0, 3) === 0);
  const pending = index.lookup(asked, producers);
  await applyMeanwhile();
  const lookup = await pending;
  for (const stream of asked) {
    const own = log.events.filter((event) => event.stream === stream && event.logIndex <= lookup.appliedIndex);
    expect(lookup.head(stream)).toEqual({
      state: own.length > 0 ? 'exists' : 'none',
      revision: own.length - 1,
    });
  }
  if (lookup.appliedIndex === log.records.length) {
    for (const producer of producers) {
      const cursor = lookup.cursor(producer);
      const wanted = log.cursors.get(producer);
      expect(cursor && { current: cursor.current, logIndex: cursor.logIndex }).toEqual(wanted);
      if (cursor) expect(index.findAppendId(cursor.appendId)).toContain(cursor.logIndex);
    }
  }
  const applied = log.ids.filter(({ logIndex }) => logIndex <= index.appliedIndex);
  for (let i = 0; i < 5 && applied.length > 0; i++) {
    const { id, logIndex } = applied[prng.between(0, applied.length)]!;
    expect(index.findAppendId(id)).toContain(logIndex);
  }
}
