/**
 * Runs the drills of deploy/OPERATING.md against real nodes, and writes what they say into the page.
 *
 *     npm run drills                     all of them
 *     npm run drills -- "lose a node"    one of them
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ProcessCluster } from '../support/process-cluster.ts';
import { until } from '../support/wait.ts';
import { DRILLS, type Drill, FIRST_NODES } from './drills.ts';
import { placed } from './page.ts';
import { Terminal } from './terminal.ts';

const PAGE = fileURLToPath(new URL('../../deploy/OPERATING.md', import.meta.url));

async function run(drill: Drill, size: number): Promise<string> {
  const cluster = await ProcessCluster.prepare(size);
  const terminal = new Terminal(cluster);
  try {
    cluster.startAll();
    for (const node of cluster.nodes) {
      await until(`${node.id} serves`, async () => (await fetch(`http://${node.address}/readyz`)).ok);
    }
    await drill(terminal);
    return terminal.text;
  } finally {
    terminal.dispose();
    await cluster.dispose();
  }
}

const wanted = process.argv.slice(2);
for (const [name, drill] of Object.entries(DRILLS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const text = await run(drill, FIRST_NODES[name] ?? 3);
  console.log(`== ${name}\n${text}\n`);
  writeFileSync(PAGE, placed(readFileSync(PAGE, 'utf8'), name, text));
}
