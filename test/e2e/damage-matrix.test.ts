import { expect, it, onTestFinished } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import { DAMAGES } from '../damage/damages.ts';
import { Trial } from '../damage/trial.ts';

/** Another one draws others: `npm run damage` does them all. */
const SEED = 5;
const DRAWN = 8;

it('a node of three whose files are damaged under load shows what was appended, or nothing, and is mended by itself [D5, D7]', async () => {
  const random = new Prng(SEED);
  const left = [...DAMAGES];
  const trial = await Trial.start(3);
  onTestFinished(() => trial.dispose());
  for (let i = 0; i < DRAWN; i++) {
    const [damage] = left.splice(random.between(0, left.length), 1);
    if (damage) expect(await trial.run(damage, random), damage.name).not.toBe('refused');
  }
}, 240_000);
