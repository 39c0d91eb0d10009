/** Opens the data directory of its first argument, says how it went, and stays until its input ends or leaves. */
import { DataDirectory } from '../../../src/storage/data-directory.ts';

const [path = '', then = 'leave'] = process.argv.slice(2);
try {
  const directory = await DataDirectory.open(path, { nodeId: 'n1', ballastBytes: 1 << 16 });
  console.log('opened');
  if (then === 'stay') for await (const _ of process.stdin);
  await directory.close();
} catch (error) {
  console.log(String(error));
}
