import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The built program and SDK: what users run. (Loaded from src/, tsx would wrap every function to keep its name, and the
 * client would be slower than the one that is shipped.)
 */
const DIST = new URL('../../dist/', import.meta.url);

async function load<T>(path: string): Promise<T> {
  const url = new URL(path, DIST);
  if (!existsSync(fileURLToPath(url))) throw new Error(`${fileURLToPath(url)} is missing: npm run build`);
  return (await import(url.href)) as T;
}

export const sdk = await load<typeof import('../../src/client/index.ts')>('client/index.js');
export const wire = {
  ...(await load<typeof import('../../src/proto/append-request.ts')>('proto/append-request.js')),
  ...(await load<typeof import('../../src/proto/event.ts')>('proto/event.js')),
  ...(await load<typeof import('../../src/proto/lookups.ts')>('proto/lookups.js')),
  ...(await load<typeof import('../../src/proto/read.ts')>('proto/read.js')),
  ...(await load<typeof import('../../src/proto/services.ts')>('proto/services.js')),
  ...(await load<typeof import('../../src/client/identifiers.ts')>('client/identifiers.js')),
};
