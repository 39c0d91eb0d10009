import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FactstoreClient, Query } from '../src/client/index.ts';
import { ProcessCluster } from '../test/support/process-cluster.ts';
import { sdk } from './factstore/program.ts';
import { onEnd } from './support/cleanup.ts';
import { describeMachine, load } from './support/machine.ts';
import { spread } from './support/statistics.ts';

const HELP = `npm run bench -- query [options]

  --events N      events in the store at the end (10000000)
  --rounds N      how often each query is measured at each size (15)
  --out FILE      the JSON file (bench/results/DATE-query.json); "none" writes none`;

const EVENTS_PER_APPEND = 100;
const APPENDS_IN_FLIGHT = 64;
/** The queries are measured when the store has these parts of all its events. */
const PARTS = [0.1, 0.25, 0.5, 1];
/** Every so many appends go to a stream of their own whose name begins like no other's of the same category. */
const PREFIX_EVERY = 20;
/** Matches of this tag are among the first events only: it has as many in a large store as in a small one. */
const EARLY_EVERY = 0.01;

interface Figure {
  readonly query: string;
  readonly events: number;
  readonly matches: number;
  readonly ms: ReturnType<typeof spread>;
}

/** What an event is tagged with: each number has a tag for every power of ten that divides it. */
function tagsOf(n: number, total: number): string[] {
  const tags = ['all', `half:${n % 2}`];
  for (let every = 1_000; every <= 1_000_000; every *= 10) if (n % every === 0) tags.push(`every:${every}`);
  const first = total * (PARTS[0] as number);
  if (n < first && n % Math.max(1, Math.round(first * EARLY_EVERY)) === 0) tags.push('early');
  return tags;
}

interface Asked {
  readonly name: string;
  readonly query: Query;
  /** How many events match among the first `size`: a figure of wrong answers would be worth nothing. */
  readonly matches: (size: number) => number;
}

const every = (n: number) => (size: number) => Math.ceil(size / n);
const ofPrefix = (size: number) => Math.ceil(size / EVENTS_PER_APPEND / PREFIX_EVERY) * EVENTS_PER_APPEND;
const early = () => 1 / EARLY_EVERY;
const none = () => 0;

const QUERIES: readonly Asked[] = [
  { name: 'early, of a fixed number', query: { tags: ['early'] }, matches: early },
  { name: 'early, and all, and a type', query: { tags: ['early', 'all'], types: ['T0', 'T1'] }, matches: early },
  { name: 'every 1,000,000th', query: { tags: ['every:1000000'] }, matches: every(1_000_000) },
  { name: 'every 100,000th', query: { tags: ['every:100000'] }, matches: every(100_000) },
  { name: 'every 10,000th', query: { tags: ['every:10000'] }, matches: every(10_000) },
  { name: 'every 1,000th', query: { tags: ['every:1000'] }, matches: every(1_000) },
  {
    name: 'every 10,000th, and all, and half',
    query: { tags: ['every:10000', 'all', 'half:0'] },
    matches: every(10_000),
  },
  {
    name: 'every 1,000th or 10,000th',
    query: [{ tags: ['every:1000'] }, { tags: ['every:10000'] }],
    matches: every(1_000),
  },
  { name: 'nothing', query: { tags: ['nothing'] }, matches: none },
  { name: 'nothing, and all', query: { tags: ['all', 'nothing'] }, matches: none },
  { name: 'streams by prefix', query: { streams: ['s-own-*'] }, matches: ofPrefix },
  {
    name: 'streams by prefix, and every 10,000th',
    query: { streams: ['s-own-*'], tags: ['every:10000'] },
    matches: every(10_000),
  },
  { name: 'disjoint halves', query: { tags: ['half:0', 'half:1'] }, matches: none },
];

/** `npm run bench -- query`: what queries cost as the store grows, on one node of the built program, through the SDK. */
export async function querySuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const { values } = parseArgs({ args: [...args], options: { events: text, rounds: text, out: text, help } });
  if (values.help) return console.log(HELP);
  const total = Number(values.events ?? 10_000_000);
  const rounds = Number(values.rounds ?? 15);
  const processes = await ProcessCluster.prepare(1);
  onEnd(() => processes.dispose());
  processes.startAll();
  const client = await sdk.connect(processes.url, { connectTimeoutMs: 20_000 });
  onEnd(() => client.close());
  const figures: Figure[] = [];
  let appended = 0;
  const begun = performance.now();
  for (const part of PARTS) {
    const size = Math.round(total * part);
    await fill(client, appended, size, total);
    appended = size;
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`\n${size.toLocaleString('en')} events after ${seconds} s, load average ${load()}`);
    for (const asked of QUERIES) figures.push(await measured(client, asked, size, rounds));
    figures.push(await conditional(client, size, rounds));
  }
  const report = { suite: 'query', machine: await describeMachine(tmpdir()), events: total, rounds, figures };
  const out =
    values.out ??
    fileURLToPath(new URL(`results/${new Date().toISOString().slice(0, 10)}-query.json`, import.meta.url));
  if (out === 'none') return;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nwritten to ${out}`);
}

async function fill(client: FactstoreClient, from: number, to: number, total: number): Promise<void> {
  let next = from;
  const writer = async () => {
    while (next < to) {
      const first = next;
      next = Math.min(to, next + EVENTS_PER_APPEND);
      const events = Array.from({ length: next - first }, (_, i) => {
        const n = first + i;
        return { type: `T${n % 10}`, data: { n }, tags: tagsOf(n, total) };
      });
      const append = first / EVENTS_PER_APPEND;
      await client.append(append % PREFIX_EVERY === 0 ? `s-own-${append}` : `s-${append % 1_000}`, events);
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, writer));
}

async function measured(
  client: FactstoreClient,
  { name, query, matches: expected }: Asked,
  events: number,
  rounds: number,
): Promise<Figure> {
  const times: number[] = [];
  let matches = 0;
  for (let round = 0; round <= rounds; round++) {
    const begun = performance.now();
    matches = 0;
    for await (const batch of client.query(query).batches()) matches += batch.length;
    // The first round warms the caches up.
    if (round > 0) times.push(performance.now() - begun);
  }
  if (matches !== expected(events)) throw new Error(`${name}: ${matches} matches, not ${expected(events)}`);
  return told({ query: name, events, matches, ms: spread(times) });
}

/** An append on condition that nothing has a tag that nothing has, in the whole store. */
async function conditional(client: FactstoreClient, events: number, rounds: number): Promise<Figure> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const tag = `unique:${events}:${round}`;
    const conditions = [{ failIfEventsMatch: { tags: [tag] } }];
    const begun = performance.now();
    await client.append('conditional', [{ type: 'Unique', data: {}, tags: [tag] }], { conditions });
    times.push(performance.now() - begun);
  }
  return told({ query: 'append under a condition on the whole store', events, matches: 0, ms: spread(times) });
}

function told(figure: Figure): Figure {
  const { median, min, max } = figure.ms;
  const per = figure.matches > 0 ? `, ${((median * 1000) / figure.matches).toFixed(1)} µs a match` : '';
  console.log(
    `  ${figure.query.padEnd(45)}${String(figure.matches).padStart(7)} matches ${median.toFixed(2).padStart(9)} ms (${min.toFixed(2)}–${max.toFixed(2)})${per}`,
  );
  return figure;
}
