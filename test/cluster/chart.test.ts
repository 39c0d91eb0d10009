import { expect, it } from 'vitest';
import { chart } from './chart.ts';
import { goodRun } from './check/log-fixture.ts';

it('draws throughput, latency and the times in which something was wrong', () => {
  const { operations } = goodRun(1, 2_000).history;
  const window = {
    kinds: ['kill', 'partition'],
    what: 'n1 < n2 & n3',
    fromMs: 2_000,
    healedMs: 5_000,
    recoveredMs: 6_000,
  };
  const svg = chart('a run', operations, [window]);
  const open = svg.match(/<(svg|g|title|text)\b/g)?.length;
  const closed = svg.match(/<\/(svg|g|title|text)>/g)?.length;
  expect(open).toBe(closed);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  expect(svg).toContain('<title>n1 &#60; n2 &#38; n3</title>');
  // A line each for appends, reads, the median and the 99th percentile, with a point for nearly every second.
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = '']) => points.split(' ').length);
  expect(lines).toHaveLength(4);
  for (const points of lines) expect(points).toBeGreaterThanOrEqual(18);
});
