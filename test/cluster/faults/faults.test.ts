import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.ts';
import { ProcessNode } from '../../support/process-cluster.ts';
import type { Cluster } from '../cluster.ts';
import { clockShift } from './clock.ts';
import { failingSyncs, fullDisk } from './disk.ts';
import type { Stage } from './fault.ts';
import { flips, replacement, wipe } from './members.ts';
import { partition } from './partition.ts';
import { kill, pause, rolling } from './processes.ts';
import { succession } from './succession.ts';

/** Nodes that do not run, and a network that remembers who was parted from whom. */
function stageOf(size: number, seed: number) {
  const nodes = Array.from({ length: size }, (_, n) => new ProcessNode(`n${n + 1}`, '', '', []));
  const lost: string[] = [];
  const network = {
    partition(connected: (from: string, to: string) => boolean) {
      for (const { id: from } of nodes)
        for (const { id: to } of nodes) if (from !== to && !connected(from, to)) lost.push(`${from}>${to}`);
    },
  };
  const stage: Stage = {
    cluster: { nodes, network } as unknown as Cluster,
    random: new Prng(seed),
    scratch: '',
    leader: () => nodes[1],
    together: async () => undefined,
  };
  return { stage, lost };
}

describe('faults', () => {
  it('are drawn from the seed alone', () => {
    const kinds = [
      kill,
      pause,
      rolling,
      succession,
      partition,
      fullDisk,
      failingSyncs,
      clockShift,
      wipe,
      replacement,
      flips,
    ];
    const drawn = (seed: number) => {
      const { stage } = stageOf(5, seed);
      return Array.from({ length: 70 }, (_, n) => kinds[n % kinds.length]!.draw(stage).what);
    };
    expect(drawn(7)).toEqual(drawn(7));
    expect(drawn(7)).not.toEqual(drawn(8));
  });

  it('part nodes in every shape, and always some', async () => {
    const shapes = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { stage, lost } = stageOf(5, seed);
      const fault = partition.draw(stage);
      await fault.begin();
      expect(lost, fault.what).not.toEqual([]);
      shapes.add(fault.what.replace(/n\d(>n\d)?(, | |$)/g, '').trim());
    }
    expect([...shapes].sort()).toEqual([
      'a bridge between and the others',
      'a ring',
      'apart from the others',
      'hears nobody',
      'isolated',
      'lost ways',
      'nobody hears',
    ]);
  });

  it('leave each node of a ring its two neighbours', async () => {
    const { stage, lost } = await ringOf(5);
    for (const { id } of stage.cluster.nodes) {
      expect(lost.filter((way) => way.startsWith(`${id}>`))).toHaveLength(2);
      expect(lost.filter((way) => way.endsWith(`>${id}`))).toHaveLength(2);
    }
  });
});

async function ringOf(size: number) {
  for (let seed = 0; ; seed++) {
    const made = stageOf(size, seed);
    const fault = partition.draw(made.stage);
    if (!fault.what.startsWith('a ring')) continue;
    await fault.begin();
    return made;
  }
}
