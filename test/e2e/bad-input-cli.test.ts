import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FactstoreClient } from '../../src/client/index.ts';
import { cli } from '../support/cli.ts';
import { TestNodes } from '../support/test-node.ts';

describe('bad input on the command line', () => {
  let nodes: TestNodes;
  let db: FactstoreClient;
  let head = 0n;

  beforeAll(async () => {
    nodes = await TestNodes.start(1);
    db = await nodes.client();
    await db.append('order-1', [{ type: 'OrderPlaced', data: {} }]);
    head = await db.head();
  });
  afterAll(() => nodes.dispose());
  afterEach(async () => {
    expect(await db.head()).toBe(head);
    head = (await db.append('after', [{ type: 'StillHere', data: {} }])).position;
  });

  const run = (args: readonly string[], input = '') => cli([...args, '--url', nodes.url], input);
  const refused = async (args: readonly string[], code: number, ...texts: (string | RegExp)[]) => {
    const result = await run(args);
    expect(result).toMatchObject({ code, stdout: '' });
    for (const text of texts) expect(result.stderr).toMatch(text);
    const json = await run([...args, '--json']);
    expect(json).toMatchObject({ code, stdout: '' });
    const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string; definite: boolean } };
    expect(error).toMatchObject({ code: expect.any(String), definite: true });
    for (const text of texts) expect(error.message).toMatch(text);
  };

  it('an expected state, a UUID or a consistency that is none is wrong usage', async () => {
    const append = ['append', 'order-1', '--type', 'T', '--data', '{}'];
    await refused([...append, '--expect', 'maybe'], 2, '--expect: "maybe" is none of any, none, exists, or a revision');
    await refused([...append, '--expect', '9223372036854775808'], 2, /--expect: .* is beyond 2\^63 - 1/);
    await refused([...append, '--expect', '9007199254740993'], 2, /expect.* is above 9007199254740991/);
    await refused([...append, '--expect=-1'], 2, '--expect: "-1" is none of');
    await refused([...append, '--append-id', '1234'], 2, '--append-id: "1234" is not a UUID');
    await refused(['read', '--all', '--consistency', 'atLeast:x'], 2, '--consistency: "atLeast:x" is none of');
    await refused(['read', 'order-1', '--limit', '-1'], 2, '--limit');
    await refused(['read', 'order-1', '--from', '99999999999999999999'], 2, /--from: .* is beyond 2\^64/);
  });

  it('JSON that is none is wrong usage, and says where it stops being JSON', async () => {
    await refused(['append', 'order-1', '--type', 'T', '--data', '{"a":'], 2, /--data: is not JSON: .*JSON/);
    await refused(['append', 'order-1', '--type', 'T', '--metadata', 'x'], 2, /--metadata: is not JSON/);
    const piped = await run(['append', 'order-1', '--type', 'T', '--data', '-'], '{"a":');
    expect(piped).toMatchObject({ code: 2, stdout: '' });
    expect(piped.stderr).toMatch(/is not JSON/);
  });

  it('names that the node refuses are named with the limit', async () => {
    await refused(['append', 'x'.repeat(1025), '--type', 'T'], 2, 'stream: 1025 bytes is over the limit of 1024');
    await refused(['append', '$sys', '--type', 'T'], 2, /stream: "\$sys" is reserved/);
    await refused(['append', 'order-1', '--type', 'a\nb'], 2, /type: .* contains a control character/);
    await refused(['append', '', '--type', 'T'], 2, /empty/);
  });

  it('an unknown flag is named with the one that was meant', async () => {
    await refused(['read', 'order-1', '--limt', '3'], 2, "unknown option '--limt'", /--limit/);
    await refused(['append', 'order-1'], 2, "required option '--type <TYPE>' not specified");
  });

  it('a position that no node has ends in BEHIND with the head, after the wait [Q2]', async () => {
    await expect(db.readAll({ consistency: { atLeast: 999n }, timeoutMs: 3_000 }).toArray()).rejects.toMatchObject({
      code: 'BEHIND',
      message: `this node is at position ${head} and did not reach 999 in time; ask another node, or wait longer`,
    });
    // Beyond what can be counted it is no position at all.
    const far = ['read', '--all', '--consistency', 'atLeast:9223372036854775808'];
    await refused(far, 2, /consistency.* is above 9007199254740991/);
  });

  it('a bad line of an import is named with its number; mended, the rest is imported, and nothing twice', async () => {
    const line = (n: number) => JSON.stringify({ writes: [{ stream: 'imported', events: [{ type: 'T', data: n }] }] });
    const bad = JSON.stringify({ writes: [{ stream: 'imported', events: [{ typ: 'T' }] }] });
    const refusedByNode = JSON.stringify({ writes: [{ stream: '$imported', events: [{ type: 'T' }] }] });
    const first = [line(1), line(2), bad, line(4), refusedByNode, line(6)];
    const stopped = await run(['import', '-'], first.join('\n'));
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/line 3: writes\[0\].events\[0\]: unknown key "typ"; did you mean type\?/);
    expect(stopped.stderr).toMatch(/2 appended, 0 already there/);
    expect(await db.read('imported').toArray()).toHaveLength(2);

    first[2] = line(3);
    const again = await run(['import', '-'], first.join('\n'));
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/line 5: .*stream: "\$imported" is reserved/);
    expect(again.stderr).toMatch(/2 appended, 2 already there/);

    first[4] = line(5);
    const whole = await run(['import', '-'], first.join('\n'));
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.stderr + whole.stdout).toMatch(/2 appended, 4 already there/);
    const events = await db.read('imported').toArray();
    expect(events.map((event) => event.data)).toEqual([1, 2, 3, 4, 5, 6]);
    head = await db.head();
  });
});
