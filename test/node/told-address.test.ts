import { hostname } from 'node:os';
import { onTestFinished, test } from 'vitest';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';

test.each(['0.0.0.0', '[::]'])('a lone node that listens on %s tells others the name of its machine', async (every) => {
  const listening = { listen: `${every}:0`, peerListen: `${every}:0`, insecure: true };
  const nodes = await TestNodes.start(1, listening);
  onTestFinished(() => nodes.dispose());
  for (const start of ['first', 'second']) {
    const { address, peerAddress } = nodes.node(0);
    const client = await nodes.client(0);
    // At its second start it records where it is by then, as it does where it had recorded something else before.
    await until(`it is told at its ${start} start`, async () => {
      const [member] = (await client.cluster.status()).members;
      const told = [member?.address, member?.peerAddress];
      return String(told) === `${hostname()}:${address.port},${hostname()}:${peerAddress.port}`;
    });
    await nodes.stopNode(0);
    await nodes.startNode(0);
  }
});
