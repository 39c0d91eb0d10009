import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { DiskReserve } from '../storage/disk-reserve.ts';

const RETRY_MS = 500;

/**
 * What has the index wait for space on the disk (rule D1). The log stops at the reserve; what it has taken by then is applied
 * from the first half of it, and once that is used, the index waits, too: a write that fails would end the node.
 */
export function indexSpace(
  reserve: Pick<DiskReserve, 'halfUsed' | 'refresh'>,
  clock: Clock,
  logger: Logger,
): (closed: () => boolean) => Promise<void> | undefined {
  const wait = async (closed: () => boolean) => {
    const waits = 'the disk is nearly full: the index waits for space, and reads of what is new with it';
    logger.warn({ event: 'index.waits' }, waits);
    while (reserve.halfUsed && !closed()) {
      await clock.sleep(RETRY_MS);
      await reserve.refresh(clock.monotonicMs());
    }
  };
  return (closed) => (reserve.halfUsed && !closed() ? wait(closed) : undefined);
}
