import type { Scan, Store } from '../store.ts';
import { Kind } from './keys.ts';

/**
 * The store of an index whose tables are still being checked. A row of a type, category or tag, or of names, that LevelDB
 * does not find is missed by nobody but the checksum of its block, so look-ups of these wait for the check, and end in its
 * error; so do queries that take rows of a stream without counting its revisions. All other rows are missed by who looks for
 * them: revisions, places and blocks are counted without gaps.
 */
export function checkedStore(store: Store, check: Promise<void>): Store {
  let passed = false;
  check.then(
    () => {
      passed = true;
    },
    () => undefined,
  );
  return {
    get: (key) => (passed || !needsCheck(key) ? store.get(key) : check.then(() => store.get(key))),
    getMany: (keys) => (passed || !keys.some(needsCheck) ? store.getMany(keys) : check.then(() => store.getMany(keys))),
    scan: (range) => {
      if (passed || !(range.unnumbered || needsCheck(range.from))) return store.scan(range);
      return new LaterScan(check.then(() => store.scan(range)));
    },
    write: (operations, sync) => store.write(operations, sync),
    compact: (from, to, signal, rest) => store.compact(from, to, signal, rest),
    close: () => store.close(),
  };
}

function needsCheck(key: Uint8Array | undefined): boolean {
  const kind = key?.[0] ?? Kind.format;
  return kind >= Kind.type && kind <= Kind.createdNames;
}

/** A scan that begins once the check has passed. */
class LaterScan implements Scan {
  private readonly scan: Promise<Scan>;

  constructor(scan: Promise<Scan>) {
    this.scan = scan;
    // Whoever calls `next` is told.
    scan.catch(() => undefined);
  }

  async next(count: number): Promise<[Buffer, Buffer][]> {
    return (await this.scan).next(count);
  }

  async close(): Promise<void> {
    const scan = await this.scan.catch(() => undefined);
    await scan?.close();
  }
}
