import { expect, test } from 'vitest';
import { SCAVENGE_STARTED, SCAVENGE_STOPPED } from '../../src/model/scavenge-fact.ts';
import { entryKey } from '../../src/storage/raft-log-rows.ts';
import { MemoryStore } from '../storage/index/memory-store.ts';
import { SmallNode, Time } from './small-node.ts';

const LOST = entryKey(1);

test('a scavenge waits at an entry that is lost, says so once, and ends where it is stopped or the entry is back [D7]', async () => {
  const logTables = new MemoryStore();
  const node = new SmallNode({ time: new Time(), logTables, indexTables: new MemoryStore(), bytesPerSecond: 1e9 });
  await node.open();
  const entry = await logTables.get(LOST);
  logTables.poke(LOST, undefined);
  await node.say(SCAVENGE_STARTED);
  await expect.poll(() => node.status).toMatchObject({ state: 'running', waitsFor: 'entry 1: it is missing' });
  await node.say(SCAVENGE_STOPPED);
  await node.through();
  expect(node.status).toMatchObject({ state: 'stopped', waitsFor: '' });

  await node.say(SCAVENGE_STARTED);
  await expect.poll(() => node.status.waitsFor).toBe('entry 1: it is missing');
  logTables.poke(LOST, entry);
  await node.through();
  expect(node.status).toMatchObject({ state: 'done', events: 1, waitsFor: '' });
  const waits = node.lines.filter(({ event }) => event === 'scavenge.waits');
  expect(waits.map(({ level }) => level)).toEqual(['error', 'error']);
});
