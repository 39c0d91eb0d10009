import { FactstoreError } from '../../src/base/errors.ts';
import { damageIn } from '../../src/storage/damage.ts';
import { RaftLog, type RaftLogOptions } from '../../src/storage/raft-log.ts';
import { type FetchEntries, type Refusal, rewriteLog } from '../../src/storage/raft-log-rewrite.ts';
import type { Chance } from './chance.ts';
import { Database } from './database.ts';
import type { Disk } from './disk.ts';
import type { Node } from './node.ts';
import type { Process } from './process.ts';
import type { Trace } from './trace.ts';

export interface Mending {
  readonly id: string;
  readonly disk: Disk;
  readonly trace: Trace;
  readonly process: Process;
  readonly chance: Chance;
  /** The other nodes that can be asked now. */
  peers(): readonly Node[];
}

const ENTRIES_BYTES_MAX = 1 << 20;
const ASK_AGAIN_MS = 100;

/** Opens the log of a disk; one that is damaged below its commit index is written anew first, with the help of peers (D7). */
export async function openOrMend(mending: Mending, options: RaftLogOptions): Promise<RaftLog> {
  const { disk, process, id, trace } = mending;
  const open = () => RaftLog.open(disk.log.open(process), options);
  if (!disk.noted) {
    try {
      return await open();
    } catch (error) {
      if (damageIn(error)?.kind !== 'belowCommit') throw error;
    }
  }
  const whole = new Database(mending.chance.fork(), disk.log.habits);
  const fetch = patientFetch(mending);
  const steps = rewriteLog(disk.log.open(process), whole.open(process), { ...options, fetch });
  let fetched = 0;
  for await (const step of steps) fetched = step.fetched;
  trace.note(id, () => `has mended its log, with ${fetched} entries of its peers`);
  disk.log.become(whole);
  disk.noted = false;
  const log = await open();
  delete disk.damages.log;
  return log;
}

function patientFetch({ process, peers }: Mending): FetchEntries {
  const fetch = fetchFrom(process, peers);
  return async (...lost) => {
    for (;;) {
      try {
        return await fetch(...lost);
      } catch (error) {
        if (!(error instanceof FactstoreError) || error.code !== 'UNREACHABLE') throw error;
        await process.wait(ASK_AGAIN_MS);
      }
    }
  };
}

/** Asks one peer after another, once; and once more for what none of them knows to be committed. */
export function fetchFrom(process: Process, peers: () => readonly Node[]): FetchEntries {
  const first = async (from: number, refusal: Refusal, bytesMax: number, end: (log: RaftLog) => number) => {
    for (const peer of peers()) {
      await process.wait(1);
      const answer = await peer.log.read(from, end(peer.log), bytesMax).catch((error: unknown) => {
        if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return [];
        throw error;
      });
      if ((await refusal(answer)) === undefined) return answer;
    }
    return undefined;
  };
  return async (from, to, refusal, orElse) => {
    const committed = await first(from, refusal, ENTRIES_BYTES_MAX, (log) => Math.min(to, log.hardState.commit));
    if (committed) return committed;
    const run = await orElse?.();
    const whole = run && (await first(from, run.refusal, Number.MAX_SAFE_INTEGER, () => run.to));
    if (whole) return whole;
    throw new FactstoreError('UNREACHABLE', `no peer has entry ${from}`);
  };
}
