import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { type Operation, promised } from '../harness/load.ts';
import type { Fixture, System } from '../harness/scenario.ts';
import type { Payloads } from '../support/payload.ts';

const KEY_BYTES = 8;
const SYNC_BYTES = 4_096;

/** What the disk and LevelDB do when nothing else is asked of them, in this process and one after the other. */
class Disk implements System {
  readonly servers = [];
  private readonly store: Level<Buffer, Buffer>;
  private readonly file: FileHandle;
  private readonly block = Buffer.alloc(SYNC_BYTES, 7);
  private rows = 0;

  constructor(store: Level<Buffer, Buffer>, file: FileHandle) {
    this.store = store;
    this.file = file;
  }

  /** Writes 4 KiB to the end of a file and syncs it. */
  readonly sync: Operation = promised(async () => {
    await this.file.write(this.block);
    await this.file.datasync();
  });

  /** Writes rows behind those that are there, in one synced batch. */
  batch(payloads: Payloads, size: number): Operation {
    return promised(() =>
      this.store.batch(
        Array.from({ length: size }, () => ({ type: 'put', key: this.nextKey(), value: payloads.payload().json })),
        { sync: true },
      ),
    );
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.file.close();
  }

  private nextKey(): Buffer {
    const key = Buffer.alloc(KEY_BYTES);
    key.writeBigUInt64BE(BigInt(this.rows++));
    return key;
  }
}

export const disk: Fixture<Disk> = {
  system: 'raw',
  start: async (bench) => {
    const directory = await mkdtemp(join(tmpdir(), 'factstore-bench-disk-'));
    bench.onEnd(() => rm(directory, { recursive: true, force: true }));
    const store = new Level<Buffer, Buffer>(join(directory, 'level'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    await store.open();
    const opened = new Disk(store, await open(join(directory, 'file'), 'w'));
    bench.onEnd(() => opened.close());
    return opened;
  },
};
