import { expect, it } from 'vitest';
import { threadCpuMs } from '../../src/runtime/thread-time.ts';

it.runIf(process.platform === 'linux')('the time of a thread grows while it works, and not while it waits', () => {
  const ms = () => threadCpuMs() as number;
  const began = ms();
  let sum = 0;
  while (ms() - began < 30) for (let n = 0; n < 1e5; n++) sum += n;
  expect(sum).toBeGreaterThan(0);
  const worked = ms();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  expect(ms() - worked).toBeLessThan(100);
});
