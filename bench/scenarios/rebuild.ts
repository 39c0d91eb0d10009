import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FactstoreCluster, startFactstore } from '../factstore/cluster.ts';
import { fill, plainEvent } from '../factstore/fill.ts';
import type { Fixture, Group, Scenario, System } from '../harness/scenario.ts';
import { levelBatches } from './limits.ts';

const SHAPES = [
  { name: 'index rebuild, appends of 100', perAppend: 100, events: 500_000, quick: 5_000 },
  { name: 'index rebuild, single appends', perAppend: 1, events: 100_000, quick: 1_000 },
];

type Shape = (typeof SHAPES)[number];

/** How fast a node makes its index anew from its log, beside the rows that LevelDB alone takes. */
export const rebuilds: Group = {
  name: 'rebuild',
  scenarios: () => [...SHAPES.map(rebuild), levelBatches],
};

interface Alone extends System {
  readonly cluster: FactstoreCluster;
}

function rebuild(shape: Shape): Scenario {
  const on: Fixture<Alone> = {
    system: 'factstore',
    start: async (bench) => {
      const cluster = await startFactstore(bench, 1);
      const { payloads } = bench;
      const stream = (n: number) => payloads.streams[(n / shape.perAppend) % payloads.streams.length] as string;
      const events = bench.options.quick ? shape.quick : shape.events;
      await fill(cluster.client, { events, perAppend: shape.perAppend, stream, event: plainEvent(payloads) });
      return { cluster, servers: [] };
    },
  };
  return {
    name: shape.name,
    system: 'factstore',
    unit: 'events/s',
    prepare: async (bench) => {
      const { cluster } = await bench.use(on);
      const [node] = cluster.processes.nodes;
      if (!node) throw new Error('a cluster of one has no node');
      return async () => {
        const head = await cluster.written();
        await node.end('SIGTERM');
        const withIndex = await cluster.startedMs(node, head);
        await node.end('SIGTERM');
        await rm(join(node.data, 'index'), { recursive: true });
        const withoutIndex = await cluster.startedMs(node, head);
        // What every start costs is taken off, unless the store is so small that nothing would be left but noise.
        const ms = withoutIndex > 2 * withIndex ? withoutIndex - withIndex : withoutIndex;
        const value = head / (ms / 1000);
        return { value, units: head, also: { 'start with its index, ms': withIndex, 'without, ms': withoutIndex } };
      };
    },
  };
}
