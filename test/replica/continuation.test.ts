import { expect, it } from 'vitest';
import { EntryType } from '../../src/raft/types.ts';
import { firstBreak } from '../../src/replica/continuation.ts';
import { EntryRecord, PIECE_BYTES, sealEntry } from '../../src/storage/record.ts';
import { EMPTY_LOG, entriesAfter } from '../storage/support.ts';

const PIECES = 3;

function largeEntry(): EntryRecord {
  const draft = { index: 1, term: 1, type: EntryType.events, firstPosition: 1, count: 0, createdUs: 1 };
  return sealEntry({ ...draft, payload: Buffer.alloc(PIECES * PIECE_BYTES + 1) }, EMPTY_LOG.chain);
}

function counted() {
  const turns = { count: 0 };
  const yieldTurn = async () => void turns.count++;
  return { turns, yieldTurn };
}

it('what another node sent is looked at in pieces, with turns for others between [C3]', async () => {
  const { turns, yieldTurn } = counted();
  expect(await firstBreak([largeEntry()], EMPTY_LOG, yieldTurn)).toBeUndefined();
  expect(turns.count).toBeGreaterThanOrEqual(PIECES);
});

it('the first record that does not continue the log is told, with what it should have continued [S2] [D4]', async () => {
  const [first, second, third] = entriesAfter(EMPTY_LOG, 3) as [EntryRecord, EntryRecord, EntryRecord];
  const { yieldTurn } = counted();
  expect(await firstBreak([first, second, third], EMPTY_LOG, yieldTurn)).toBeUndefined();
  expect(await firstBreak([first, third], EMPTY_LOG, yieldTurn)).toMatchObject({ record: third, end: first });
  const bytes = Buffer.from(second.bytes);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  const changed = new EntryRecord(2, bytes);
  expect(await firstBreak([first, changed, third], EMPTY_LOG, yieldTurn)).toMatchObject({
    record: changed,
    end: first,
  });
});
