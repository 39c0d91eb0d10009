import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A bug of one line, of the kind that real systems had. The tests are good enough only if they notice it. */
export interface Mutant {
  readonly id: string;
  /** Below the root of the project. */
  readonly file: string;
  /** The text that is replaced. It stands exactly once in the file. */
  readonly search: string;
  readonly replacement: string;
  /** What goes wrong, in one sentence. */
  readonly bug: string;
  /** The rule that it breaks; for what the paper alone demands, the place in it. */
  readonly rule: string;
  /** The test file that is likeliest to notice, below `test/`. */
  readonly test: string;
}

/** Why a mutant no longer fits the code; undefined where it does. */
export function staleness(mutant: Mutant, root: string): string | undefined {
  const path = join(root, mutant.file);
  if (!existsSync(path)) return `${mutant.file} is not there any more`;
  const places = readFileSync(path, 'utf8').split(mutant.search).length - 1;
  if (places !== 1) return `its search text stands ${places} times in ${mutant.file}, not once`;
  if (mutant.search === mutant.replacement) return 'it changes nothing';
  return existsSync(join(root, 'test', mutant.test)) ? undefined : `test/${mutant.test} is not there any more`;
}

/** Puts the bug in; the result takes it out again. */
export function plant(mutant: Mutant, root: string): () => void {
  const path = join(root, mutant.file);
  const text = readFileSync(path, 'utf8');
  // A function, because `$` means something in a replacement text.
  writeFileSync(
    path,
    text.replace(mutant.search, () => mutant.replacement),
  );
  return () => writeFileSync(path, text);
}
