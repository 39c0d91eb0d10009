import { expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import type { ProjectionHost } from '../../src/projection/host.ts';
import { ProjectionQueries } from '../../src/projection/queries.ts';
import { ProjectionRegistry } from '../../src/projection/registry.ts';
import { Watchers } from '../../src/projection/watchers.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { OpenCalls } from '../../src/runtime/open-calls.ts';
import { Watched } from '../../src/runtime/watched.ts';

test('a watch ends in what its node says when that must serve nothing any more [Q3]', async () => {
  const watchers = new Watchers();
  const calls = new OpenCalls();
  const host = { hosted: async () => ({ watchers }) } as unknown as ProjectionHost;
  const ports = { registry: new ProjectionRegistry(), host, head: new Watched(0), calls, clock: systemClock };
  const queries = new ProjectionQueries(ports);
  const everything = { partition: undefined, prefix: '' };
  const never = new AbortController().signal;
  const open = queries.watch('p', everything, never).next();
  const why = new FactstoreError('NOT_READY', 'this node was removed');
  calls.endAll(why);
  await expect(open).rejects.toBe(why);
  await expect(queries.watch('p', everything, never).next()).rejects.toBe(why);
});
