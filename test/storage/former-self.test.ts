import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeDamageNote, writeIndexDamageNote } from '../../src/storage/damage-note.ts';
import { DataDirectory } from '../../src/storage/data-directory.ts';
import { writeDivergenceNote } from '../../src/storage/divergence-note.ts';
import { formerSelfPath, leaveFormerSelf, readReturnNote } from '../../src/storage/former-self.ts';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'factstore-former-'));
});
afterEach(() => rm(path, { recursive: true }));

const options = { nodeId: 'n1', ballastBytes: 0 };

async function aMember() {
  const directory = await DataDirectory.open(path, options);
  for (const name of ['log', 'index', 'projections']) await mkdir(join(path, name));
  await writeFile(join(path, 'log', 'CURRENT'), '');
  await directory.close();
  const { directoryId } = directory.identity;
  return { clusterId: 'c', former: directoryId, peers: ['b:1'], why: 'a test' };
}

test('what a former member promised and kept is put aside, what follows from it is removed [D7]', async () => {
  const note = await aMember();
  // What was found of its log is not true of the log of the next one.
  await writeDamageNote(path, { kind: 'belowCommit', index: 7, text: 'it is missing' });
  await writeDivergenceNote(path, 'another history');
  await writeIndexDamageNote(path, 'a block is short of rows');
  await leaveFormerSelf(path, note);
  expect((await readdir(formerSelfPath(path, note))).sort()).toEqual([
    ...['damaged.json', 'diverged.json', 'identity.json', 'log', 'promise'],
  ]);
  expect((await readdir(path)).sort()).toEqual(['ballast', `former-${note.former}`, 'lock', 'return.json']);
  const directory = await DataDirectory.open(path, options);
  expect(directory.identity).toMatchObject({ clusterId: null, nodeId: 'n1', incarnation: 0 });
  expect(directory.identity.directoryId).not.toBe(note.former);
  await directory.close();
  expect(await readReturnNote(path)).toEqual(note);
});

test('a crash in the middle of that is made up for at the next start [D7]', async () => {
  const note = await aMember();
  await writeFile(join(path, 'return.json'), JSON.stringify(note));
  await mkdir(formerSelfPath(path, note));
  await rm(join(path, 'promise'));
  const directory = await DataDirectory.open(path, options);
  expect(directory.identity.directoryId).not.toBe(note.former);
  await directory.close();
  expect((await readdir(formerSelfPath(path, note))).sort()).toEqual(['identity.json', 'log']);
});

test('only the latest of several former members is kept', async () => {
  const first = await aMember();
  await leaveFormerSelf(path, first);
  await rm(join(path, 'return.json'));
  const second = await aMember();
  await leaveFormerSelf(path, second);
  expect((await readdir(path)).sort()).toEqual(['ballast', `former-${second.former}`, 'lock', 'return.json']);
});
