import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE_BYTES = 512 << 20;
const FILLER = 'filler';

/** A file system of 512 MiB, loop-mounted from a sparse file, that a fault can fill. */
export class SmallDisk {
  /** Eight write buffers of LevelDB, the least that a node keeps in reserve. */
  static readonly RESERVE_BYTES = 128 << 20;
  readonly path: string;
  private readonly image: string;
  private mounted = true;

  private constructor(path: string, image: string) {
    this.path = path;
    this.image = image;
  }

  /** Why none can be mounted here; undefined: they can. */
  static async unavailable(): Promise<string | undefined> {
    if (process.getuid?.() !== 0) return 'only root may mount a file system';
    const directory = await mkdtemp(join(tmpdir(), 'factstore-disk-'));
    try {
      (await SmallDisk.mount(join(directory, 'disk'))).unmount();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  static async mount(path: string): Promise<SmallDisk> {
    const image = `${path}.image`;
    mkdirSync(path, { recursive: true });
    const file = await open(image, 'w');
    await file.truncate(SIZE_BYTES);
    await file.close();
    try {
      run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
      run('mount', ['-o', 'loop', image, path]);
    } catch (error) {
      rmSync(image, { force: true });
      throw error;
    }
    return new SmallDisk(path, image);
  }

  /** Fills it until no more than `freeBytes` are left. */
  fill(freeBytes: number): void {
    const { bavail, bsize } = statfsSync(this.path);
    const wanted = bavail * bsize - freeBytes;
    if (wanted > 0) spawnSync('fallocate', ['-l', String(wanted), join(this.path, FILLER)]);
    // What is not worth a block of its own is taken too.
    if (freeBytes === 0) this.fillRest();
  }

  /** Gives back what `fill` took. */
  empty(): void {
    for (const name of [FILLER, `${FILLER}-rest`]) rmSync(join(this.path, name), { force: true });
  }

  unmount(): void {
    if (!this.mounted) return;
    this.mounted = false;
    // Lazily: a process that is just being ended may still have a file open.
    spawnSync('umount', ['--lazy', this.path]);
    rmSync(this.image, { force: true });
  }

  private fillRest(): void {
    const file = openSync(join(this.path, `${FILLER}-rest`), 'w');
    const block = Buffer.alloc(1 << 16);
    try {
      for (;;) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.trim()}`);
}
