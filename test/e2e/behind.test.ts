import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FactstoreClient, FactstoreError } from '../../src/client/index.ts';
import { TestNodes } from '../support/test-node.ts';

describe('a position that no node has yet', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    await db.append('a', [{ type: 'T', data: 1 }]);
  });
  afterAll(() => nodes.dispose());

  const failure = (attempt: Promise<unknown>): Promise<FactstoreError> =>
    attempt.then(
      () => {
        throw new Error('it succeeded');
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(FactstoreError);
        return error as FactstoreError;
      },
    );
  const behind = { code: 'BEHIND', definite: true, details: { head: '1', wanted: '1000' } };

  it('ends a read in BEHIND with the head of the node, not in a bare timeout [Q2]', async () => {
    const consistency = { atLeast: 1000n };
    expect(await failure(db.readAll({ consistency, timeoutMs: 2_000 }).toArray())).toMatchObject(behind);
    expect(await failure(db.read('a', { consistency, timeoutMs: 2_000 }).toArray())).toMatchObject(behind);
  });

  it('ends look-ups in BEHIND too [Q2]', async () => {
    const options = { consistency: { atLeast: 1000n }, timeoutMs: 2_000 };
    expect(await failure(db.head(options))).toMatchObject(behind);
    expect(await failure(db.streams.get('a', options))).toMatchObject(behind);
  });

  it('is waited for: the read begins as soon as the position is there [Q2]', async () => {
    const read = db.readAll({ consistency: { atLeast: 2n }, timeoutMs: 20_000 }).toArray();
    await db.append('a', [{ type: 'T', data: 2 }]);
    expect(await read).toHaveLength(2);
  });
});
