import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runSandbox, sandboxEvents } from './raw/sandbox.ts';
import { describeMachine, load } from './support/machine.ts';
import { spread } from './support/statistics.ts';

const HELP = `npm run bench -- sandbox [options]

  --events N      events a round (100000)
  --batch N       events a batch (1000)
  --rounds N      rounds of each projection (5), after one that does not count
  --out FILE      the JSON file (bench/results/DATE-sandbox.json); "none" writes none`;

interface Measured {
  readonly name: string;
  readonly source: string;
}

/** From what does next to nothing to what does a little of everything. */
const PROJECTIONS: readonly Measured[] = [
  {
    name: 'count, data untouched',
    source: 'fromAll().when({ $init: () => ({ count: 0 }), $any(s) { s.count++ } })',
  },
  {
    name: 'count by type',
    source: 'fromAll().when({ $init: () => ({}), $any(s, e) { s[e.type] = (s[e.type] ?? 0) + 1 } })',
  },
  {
    name: 'sum of a field',
    source: 'fromAll().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
  {
    name: 'sum by stream, of 1,000',
    source: 'fromAll().foreachStream().when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
  {
    name: 'sum by a field, of 100,000',
    source:
      'fromAll().partitionBy((e) => e.data.customer).when({ $init: () => ({ sum: 0 }), $any(s, e) { s.sum += e.data.amount } })',
  },
  {
    name: 'one emission an event',
    source: "fromAll().when({ $any(s, e) { emit('amounts', 'Seen', { amount: e.data.amount }) } })",
  },
  { name: 'one link an event', source: "fromAll().when({ $any(s, e) { linkTo('currency-EUR', e) } })" },
];

/** `npm run bench -- sandbox`: events a second through the sandbox alone, passing them in and taking states out included. */
export async function sandboxSuite(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const options = { events: text, batch: text, rounds: text, out: text, help };
  const { values } = parseArgs({ args: [...args], options });
  if (values.help) return console.log(HELP);
  const events = sandboxEvents(Number(values.events ?? 100_000));
  const batch = Number(values.batch ?? 1_000);
  const rounds = Number(values.rounds ?? 5);
  const figures = [];
  for (const { name, source } of PROJECTIONS) {
    const rates: number[] = [];
    const cpuUs: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const { eventsPerSecond, cpuUsPerEvent } = await runSandbox(source, events, batch);
      if (round === 0) continue;
      rates.push(eventsPerSecond);
      cpuUs.push(cpuUsPerEvent);
    }
    const figure = { name, source, eventsPerSecond: spread(rates), cpuUsPerEvent: spread(cpuUs) };
    figures.push(figure);
    const { median, min, max } = figure.eventsPerSecond;
    const whole = (rate: number) => Math.round(rate).toLocaleString('en');
    console.log(
      `  ${name.padEnd(30)}${whole(median).padStart(9)} events/s (${whole(min)}–${whole(max)}), ` +
        `${figure.cpuUsPerEvent.median.toFixed(1)} µs of CPU an event, load average ${load()}`,
    );
  }
  const report = { suite: 'sandbox', machine: await describeMachine(tmpdir()), events: events.length, batch, figures };
  const standard = `results/${new Date().toISOString().slice(0, 10)}-sandbox.json`;
  const out = values.out ?? fileURLToPath(new URL(standard, import.meta.url));
  if (out === 'none') return;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nwritten to ${out}`);
}
