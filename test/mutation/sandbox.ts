import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the unit tests read. */
const COPIED = [
  'src',
  'test',
  'proto',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'vitest.processes.config.ts',
  'vitest.sim.config.ts',
];

/** A copy of the project that may be broken: the working tree is never touched. */
export class Sandbox {
  readonly root = mkdtempSync(join(tmpdir(), 'factstore-mutants-'));

  constructor(project: string) {
    for (const name of COPIED) cpSync(join(project, name), join(this.root, name), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(this.root, 'node_modules'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
