import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';

describe('streams on the command line', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    for (const stream of ['order-1', 'order-2', 'invoice-1']) {
      await db.append(stream, [{ type: 'A' }, { type: 'B' }, { type: 'C' }]);
    }
  });
  afterAll(() => nodes.dispose());

  const run = (...args: readonly string[]) => cli(['streams', ...args, '--url', nodes.url]);
  const json = async (...args: readonly string[]) => {
    const { stdout, stderr } = await run(...args, '--json');
    expect(stderr).toBe('');
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('are listed, as a table for people and as JSON lines for programs', async () => {
    const { stdout } = await run('list', '--category', 'order');
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head).toMatch(/^STREAM +STATE +HEAD +CREATED +LAST APPENDED$/);
    expect(rows).toEqual([expect.stringMatching(/^order-1 +exists +2 +20/), expect.stringMatching(/^order-2 +exists/)]);
    const listed = await json('list', '--order', 'creation', '--limit', '3');
    expect(listed.map(({ stream }) => stream)).toEqual(['order-1', 'order-2', 'invoice-1']);
    expect(listed[0]).toEqual({
      stream: 'order-1',
      state: 'exists',
      headRevision: 2,
      firstPosition: 1,
      created: expect.stringMatching(/Z$/),
      lastAppended: expect.stringMatching(/Z$/),
    });
    expect(await run('list', '--prefix', 'nothing')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('are given metadata flag by flag; what is not named stays', async () => {
    const set = ['set', 'order-1'];
    expect(await json(...set, '--max-count', '2', '--max-age', '30d')).toMatchObject([{ metadataRevision: 0 }]);
    await run(...set, '--custom', '{"owner": "sales"}');
    await run(...set, '--unset', 'max-age', '--truncate-before', '1');
    expect(await json('get', 'order-1')).toMatchObject([
      {
        count: 2,
        firstRevision: 1,
        metadata: { maxCount: 2, truncateBefore: 1, custom: { owner: 'sales' } },
        metadataRevision: 2,
      },
    ]);
    expect((await run('get', 'order-1')).stdout).toMatch(/metadata +\{"maxCount":2.*\nmetadata revision +2\n/);
    expect((await run('set', 'before-first', '--max-count', '1')).stdout).toMatch(
      /^before-first set, at revision 0 of \$\$before-first, position \d+\n$/,
    );
  });

  it('are given metadata whose objects stay as they were written, to the last byte, where they are not named', async () => {
    const [acl, custom] = ['{"$r": [9007199254740993], "$r": "x"}', '{"limit": 9007199254740993, "b": 1.0}'];
    const written = async () => {
      const [last] = await db.read('$$exact-1', { backwards: true, limit: 1 }).toArray();
      return Buffer.from(last?.dataBytes ?? []).toString();
    };
    await run('set', 'exact-1', '--acl', acl, '--custom', custom);
    expect(await written()).toBe(`{"acl":${acl},"custom":${custom}}`);
    const set = ['set', 'exact-1', '--max-count', '5', '--append-id', randomUUID()];
    expect(await json(...set)).toMatchObject([{ metadataRevision: 1, repeated: false }]);
    expect(await written()).toBe(`{"maxCount":5,"acl":${acl},"custom":${custom}}`);
    await run('set', 'exact-1', '--custom', '{}');
    expect(await json(...set)).toMatchObject([{ metadataRevision: 1, repeated: true }]);
    const { metadata } = await db.streams.get('exact-1');
    await db.streams.setMetadata('exact-1', { ...metadata, maxCount: 6 });
    expect(await written()).toBe(`{"maxCount":6,"acl":${acl},"custom":{}}`);
    // One that the program has changed is what it is now.
    Object.assign(metadata?.acl ?? {}, { $w: 'y' });
    await db.streams.setMetadata('exact-1', { ...metadata });
    expect(await written()).toBe('{"maxCount":5,"acl":{"$r":"x","$w":"y"},"custom":{}}');
  });

  it('are truncated, deleted and tombstoned, under a condition where one is given', async () => {
    expect((await run('truncate', 'order-2', '--before', '2')).code).toBe(0);
    expect(await json('get', 'order-2')).toMatchObject([{ count: 1, firstRevision: 2 }]);
    const refused = await run('delete', 'order-2', '--expect', '7');
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('expected revision 7') });
    const boundary = ['--fail-if-events-match', '[{"categories": ["invoice"]}]'];
    expect(await run('delete', 'order-2', ...boundary)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('condition 0 does not hold: since its position there is A, B, C'),
    });
    expect((await run('delete', 'order-2', '--expect', '2', ...boundary, '--after', '9')).stdout).toMatch(
      /^order-2 deleted, at revision 1 of/,
    );
    expect(await run('delete', 'order-2')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('change.stream: stream "order-2" is deleted already, at revision 2'),
    });
    expect((await json('list', '--category', 'order')).map(({ stream }) => stream)).toEqual(['order-1']);
    expect(await json('list', '--category', 'order', '--deleted')).toMatchObject([{}, { state: 'deleted' }]);
    expect(await json('tombstone', 'order-2')).toMatchObject([{ stream: 'order-2', repeated: false }]);
    const late = await cli(['append', 'order-2', '--type', 'T', '--url', nodes.url]);
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('is tombstoned') });
  });

  it('are told as what they are, with exit code 1, where they have no events that can be read', async () => {
    for (const stream of ['shown-deleted', 'shown-tombstoned', 'shown-truncated'])
      await db.append(stream, [{ type: 'A' }, { type: 'B' }]);
    await run('delete', 'shown-deleted');
    await run('tombstone', 'shown-tombstoned');
    await run('truncate', 'shown-truncated', '--before', '9');
    await run('set', 'shown-set', '--max-count', '1');
    for (const [name, state, why] of [
      ['deleted', 'deleted', 'it is deleted'],
      ['tombstoned', 'tombstoned', 'it is tombstoned'],
      ['truncated', 'exists', 'all are hidden'],
      ['set', 'none', 'none was ever written'],
    ]) {
      const stream = `shown-${name}`;
      const { code, stdout, stderr } = await run('get', stream, '--json');
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ stream, state, count: 0 });
      const message = `stream "${stream}" has no events: ${why}`;
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NOT_FOUND', message, details: { stream, state } } });
    }
    await db.append('shown-deleted', [{ type: 'C' }]);
    expect(await run('get', 'shown-deleted')).toMatchObject({ code: 0, stderr: '' });
  });

  it('are changed once by a command that is repeated with its append id, whatever came since [S6]', async () => {
    await db.append('repeated-1', [{ type: 'A' }, { type: 'B' }, { type: 'C' }, { type: 'D' }]);
    const facts = async () => (await db.read('$$repeated-1').toArray()).map(({ type }) => type);
    const commands = [
      ['set', '--max-count', '4', '--custom', '{"owner": "sales"}'],
      ['truncate', '--before', '1'],
      ['set', '--max-age', '30d', '--unset', 'max-count', '--expect', '3'],
      ['erase', '--from', '2'],
      ['delete', '--fail-if-events-match', '[{"types": ["Never"]}]'],
      ['tombstone'],
    ].map(([name = '', ...flags]) => [name, 'repeated-1', ...flags, '--append-id', randomUUID().toUpperCase()]);
    const answers: Record<string, unknown>[] = [];
    for (const command of commands) answers.push(...(await json(...command)));
    expect(answers.map(({ metadataRevision, repeated }) => [metadataRevision, repeated])).toEqual(
      commands.map((_, revision) => [revision, false]),
    );
    const made = await facts();
    for (const [n, command] of commands.entries())
      expect(await json(...command)).toEqual([{ ...answers[n], repeated: true }]);
    expect((await run(...(commands[2] ?? []))).stdout).toMatch(/^repeated-1 had been set before, at revision 2 of/);
    expect(await facts()).toEqual(made);
  });

  it('are not set by a command with the append id of another one [S6]', async () => {
    const reused = { code: 1, stdout: '', stderr: expect.stringContaining('used before, for an append with other') };
    const set = (stream: string, ...flags: readonly string[]) => run('set', stream, ...flags);
    const [one, other] = [randomUUID(), randomUUID()];
    await db.append('reused-1', [{ type: 'A' }], { appendId: other });
    expect(await set('reused-1', '--max-count', '4', '--append-id', one)).toMatchObject({ code: 0 });
    expect(await set('reused-1', '--max-count', '5', '--append-id', one)).toMatchObject(reused);
    expect(await set('reused-1', '--max-count', '4', '--expect', '0', '--append-id', one)).toMatchObject(reused);
    expect(await set('reused-2', '--max-count', '4', '--append-id', one)).toMatchObject(reused);
    expect(await set('reused-1', '--max-count', '4', '--append-id', other)).toMatchObject(reused);
    expect(await json('get', 'reused-1')).toMatchObject([{ metadata: { maxCount: 4 }, metadataRevision: 0 }]);
  });

  it.each([
    [['set', 'a'], 'say what to set'],
    [['set', 'a', '--max-age', '3 weeks'], '--max-age: "3 weeks" is not a span of time'],
    [['set', 'a', '--max-age', '0s'], '--max-age: "0s" is not a span of time'],
    [['set', 'a', '--max-count', '-1'], '--max-count'],
    [['set', 'a', '--max-count', '9007199254740992'], 'metadata.maxCount: 9007199254740992 is above'],
    [['set', 'a', '--custom', '[1]'], '--custom: a JSON object is expected'],
    [['set', 'a', '--unset', 'all'], '--unset: "all" is none of max-age, max-count'],
    [['truncate', 'a'], "required option '--before <REVISION>' not specified"],
    [['truncate', 'a', '--before', 'x'], '--before: "x" is not a whole number'],
    [['list', '--prefix', 'a', '--category', 'b'], 'give --prefix or --category, not both'],
    [['list', '--order', 'size'], '--order: "size" is none of name, creation'],
    [['list', '--limit', '0'], '--limit: 0 is below 1'],
    [['list', '--category', 'a-b'], 'category: "a-b" holds a "-"'],
    [['delete', 'a', '--after', '9'], '--after goes with --fail-if-events-match'],
    [['delete', '$$a'], 'change.stream: "$$a" is reserved'],
  ])('refuse wrong usage: %j', async (args, text) => {
    expect(await run(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(text) });
  });
});
