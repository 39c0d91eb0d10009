import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SmallDisk } from '../small-disk.ts';
import { type FaultKind, names, oneOf, victim, victims } from './fault.ts';

/**
 * A disk that fills: to below the reserve, so that the node has to stop taking appends and hand over; or to the last
 * byte, so that writes fail, the node ends, and cannot even start before there is space again (rule D1).
 */
export const fullDisk: FaultKind = {
  name: 'disk',
  unavailable: () => SmallDisk.unavailable(),
  draw(stage) {
    const { cluster, random } = stage;
    const nodes = victims(stage);
    const freeBytes = oneOf(random, [0, SmallDisk.RESERVE_BYTES / 2]);
    return {
      what: `disk of ${names(nodes)} ${freeBytes === 0 ? 'full' : 'below its reserve'}`,
      begin: async () => {
        for (const node of nodes) {
          cluster.mayEndByItself(node);
          cluster.disks.get(node.id)?.fill(freeBytes);
        }
      },
      heal: async () => {
        for (const node of nodes) {
          cluster.disks.get(node.id)?.empty();
        }
      },
    };
  },
};

const PRELOADS = ['/usr/lib/fiu/fiu_run_preload.so', '/usr/lib/fiu/fiu_posix_preload.so'];

/** Syncs that fail with EIO, after which nothing that was written counts as written: the node has to end (rule D1). */
export const failingSyncs: FaultKind = {
  name: 'sync',
  restarts: true,
  unavailable: async () =>
    PRELOADS.every((path) => existsSync(path)) && spawnSync('fiu-ctrl', ['-h']).error === undefined
      ? undefined
      : "Debian's fiu-utils is not installed",
  draw(stage) {
    const { cluster, random, scratch, together } = stage;
    const node = victim(stage);
    const probability = oneOf(random, [0.02, 0.2, 1]);
    const control = join(scratch, 'fiu');
    return {
      what: `syncs of ${node.id} fail (${probability * 100} %)`,
      begin: async () => {
        await cluster.end(node, 'SIGTERM');
        cluster.start(node, { LD_PRELOAD: PRELOADS.join(' '), FIU_CTRL_FIFO: control });
        await together(node);
        cluster.mayEndByItself(node);
        // Whoever starts it again takes another disk.
        cluster.restartsWith(node, {});
        const command = `enable_random name=posix/io/sync/*,probability=${probability},failinfo=5`;
        const { status, stderr } = spawnSync('fiu-ctrl', ['-f', control, '-c', command, String(node.pid)], {
          encoding: 'utf8',
        });
        if (status !== 0) throw new Error(`fiu-ctrl failed: ${stderr}`);
      },
      heal: async () => {
        await cluster.end(node, 'SIGKILL');
        cluster.start(node);
      },
    };
  },
};
