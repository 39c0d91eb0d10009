import { Command } from 'commander';
import { onEnd, runAndCleanUp } from '../../bench/support/cleanup.ts';
import { Prng } from '../../src/base/prng.ts';
import { DAMAGES } from './damages.ts';
import { type Outcome, Trial } from './trial.ts';

/** Does every damage of the matrix to a real cluster under load, and tells what became of the node. */
const { nodes, seed, only, list } = new Command('npm run damage --')
  .option('--nodes <N>', 'nodes of the cluster', Number, 3)
  .option('--seed <N>', 'draws files, places and bits', Number, 1)
  .option('--only <TEXT>', 'only damages whose names contain this', '')
  .option('--list', 'only name them', false)
  .parse()
  .opts<{ nodes: number; seed: number; only: string; list: boolean }>();

const chosen = DAMAGES.filter(({ name }) => name.includes(only));
if (list) for (const { name } of chosen) console.log(name);
else
  await runAndCleanUp(async () => {
    let trial = await Trial.start(nodes);
    onEnd(() => trial.dispose());
    const counts = new Map<Outcome | 'failed', number>();
    for (const damage of chosen) {
      let outcome: Outcome | 'failed' = 'failed';
      const beganMs = performance.now();
      try {
        outcome = await trial.run(damage, new Prng(seed));
        console.log(`${outcome.padEnd(10)}  ${damage.name} (${Math.round(performance.now() - beganMs)} ms)`);
      } catch (error) {
        console.log(`FAILED      ${damage.name}\n${(error as Error).stack}\n${(error as Error).cause ?? ''}`);
        await trial.dispose();
        trial = await Trial.start(nodes);
      }
      if (outcome === 'refused' && nodes === 1) {
        await trial.dispose();
        trial = await Trial.start(nodes);
      }
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    console.log([...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', '));
    if (counts.has('failed')) process.exitCode = 1;
  });
