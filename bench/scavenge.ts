import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Histogram } from 'hdr-histogram-js';
import type { FactstoreClient } from '../src/client/index.ts';
import { FactstoreCluster } from './factstore/cluster.ts';
import { latencies } from './harness/result.ts';
import { describeMachine, load } from './support/machine.ts';
import { Payloads } from './support/payload.ts';

const HELP = `npm run bench -- scavenge [options]

  --events N      events in the store, half of which are erased (1000000)
  --in-flight N   appends that are under way at any time (16)
  --seconds N     how long appends are measured before and after the scavenge (10)`;

const EVENTS_PER_APPEND = 100;
const FILLING_IN_FLIGHT = 16;
const STREAMS = 1_000;
const STATUS_EVERY_MS = 50;

/** What the nodes are doing while an append is measured; `compacting`: none is erasing any more, and one is not through. */
type Phase = 'before' | 'erasing' | 'compacting' | 'after';

/** `npm run bench -- scavenge`: what a scavenge of three nodes costs the appends beside it. */
export async function scavengeSuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const { values } = parseArgs({ args: [...args], options: { events: text, 'in-flight': text, seconds: text, help } });
  if (values.help) return console.log(HELP);
  const cluster = await FactstoreCluster.start();
  const { client } = cluster;
  const payloads = new Payloads(7);
  await fill(client, payloads, Number(values.events ?? 1_000_000));
  console.log(JSON.stringify(await describeMachine(tmpdir())));
  const appends = new Appends(client, payloads, Number(values['in-flight'] ?? 16));
  const aWhile = () => new Promise((resolve) => setTimeout(resolve, Number(values.seconds ?? 10) * 1_000));
  appends.begin('before');
  await aWhile();
  const begun = performance.now();
  await client.admin.startScavenge();
  await followed(client, (phase) => appends.begin(phase));
  const seconds = (performance.now() - begun) / 1_000;
  appends.begin('after');
  await aWhile();
  await appends.end();
  const [node] = await client.admin.scavengeStatus();
  const freed = node?.reachable ? `${node.events} events, ${node.bytes} bytes on each node` : '';
  console.log(`\nscavenged in ${seconds.toFixed(1)} s: ${freed}; load average ${load()}`);
  appends.tell();
}

async function fill(client: FactstoreClient, payloads: Payloads, total: number): Promise<void> {
  let next = 0;
  const writer = async () => {
    while (next < total) {
      const first = next;
      next += EVENTS_PER_APPEND;
      const events = Array.from({ length: EVENTS_PER_APPEND }, (_, n) => ({
        type: 'Booked',
        data: payloads.payload().data,
        tags: [`customer:${(first + n) % 10_000}`],
      }));
      const stream = (first / EVENTS_PER_APPEND) % (2 * STREAMS);
      await client.append(`${stream < STREAMS ? 'kept' : 'hidden'}-${stream}`, events);
    }
  };
  await Promise.all(Array.from({ length: FILLING_IN_FLIGHT }, writer));
  for (let n = STREAMS; n < 2 * STREAMS; n++) await client.streams.delete(`hidden-${n}`);
}

/** Tells of each phase as it begins; resolves once every node is through. */
async function followed(client: FactstoreClient, tell: (phase: Phase) => void): Promise<void> {
  for (;;) {
    const nodes = await client.admin.scavengeStatus();
    const known = nodes.filter((node) => node.reachable);
    if (known.length === nodes.length && known.every(({ state }) => state === 'done')) return;
    tell(known.every(({ through, to }) => to > 0n && through >= to) ? 'compacting' : 'erasing');
    await new Promise((resolve) => setTimeout(resolve, STATUS_EVERY_MS));
  }
}

/** A closed loop of appends of one event, measured phase by phase. */
class Appends {
  private readonly client: FactstoreClient;
  private readonly payloads: Payloads;
  private readonly phases = new Map<Phase, { readonly histogram: Histogram; ms: number }>();
  private phase: Phase = 'before';
  private since = performance.now();
  private ended = false;
  private readonly loops: readonly Promise<void>[];

  constructor(client: FactstoreClient, payloads: Payloads, inFlight: number) {
    this.client = client;
    this.payloads = payloads;
    this.loops = Array.from({ length: inFlight }, () => this.loop());
  }

  begin(phase: Phase): void {
    const now = performance.now();
    this.of(this.phase).ms += now - this.since;
    this.phase = phase;
    this.since = now;
  }

  async end(): Promise<void> {
    this.begin(this.phase);
    this.ended = true;
    await Promise.all(this.loops);
  }

  tell(): void {
    for (const [phase, { histogram, ms }] of this.phases) {
      const at = (percentile: number) => `${(histogram.getValueAtPercentile(percentile) / 1_000).toFixed(2)} ms`;
      const rate = Math.round((histogram.totalCount * 1_000) / ms);
      const figures = `p50 ${at(50)}, p99 ${at(99)}, p99.9 ${at(99.9)}, longest ${(histogram.maxValue / 1_000).toFixed(0)} ms`;
      console.log(`  ${phase.padEnd(12)}${(ms / 1_000).toFixed(1).padStart(6)} s, ${rate} appends/s, ${figures}`);
    }
  }

  private of(phase: Phase) {
    const known = this.phases.get(phase) ?? {
      histogram: latencies(),
      ms: 0,
    };
    this.phases.set(phase, known);
    return known;
  }

  private async loop(): Promise<void> {
    while (!this.ended) {
      const begun = performance.now();
      await this.client.append(`written-${this.payloads.stream()}`, [
        { type: 'Booked', data: this.payloads.payload().data },
      ]);
      this.of(this.phase).histogram.recordValue(Math.max(1, Math.round((performance.now() - begun) * 1_000)));
    }
  }
}
