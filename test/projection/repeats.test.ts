import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { uuidBytes } from '../../src/base/bytes.ts';
import { isRetryable } from '../../src/client/status-error.ts';
import type { ProjectionAction } from '../../src/proto/gen/factstore/v1/ProjectionAction.ts';
import { projectionsService } from '../../src/proto/load.ts';
import { RawClient } from '../support/raw-client.ts';
import { TestNodes } from '../support/test-node.ts';
import { until } from '../support/wait.ts';
import { openSmallProgram } from './small-program.ts';

let nodes: TestNodes;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await nodes.dispose();
});

const COUNT = '{ handle: (state = { count: 0 }) => ({ count: state.count + 1 }) }';
const TWICE = '{ handle: (state = { count: 0 }) => ({ count: state.count + 2 }) }';

function newId(): Buffer {
  return Buffer.from(uuidBytes(randomUUID()) as Uint8Array);
}

/** What a program says to one node, as it stands in the messages: the SDK makes the append id, and repeats by itself. */
function sayTo(n: number) {
  const raw = new RawClient(nodes.urls[n] as string);
  clients.push(raw);
  const answerOf = async (path: string, request: Buffer) => {
    const outcome = await until('the node is ready', async () => {
      const { code, error, messages } = await raw.unary(path, request);
      return error ? !isRetryable(error) && { error, messages } : code === 0 && { error, messages };
    });
    if (outcome.error) throw outcome.error;
    return projectionsService.Change.responseDeserialize(outcome.messages[0] as Buffer);
  };
  const define = (method: 'Create' | 'Update') => (source: string, appendId: Buffer) => {
    const { path, requestSerialize } = projectionsService[method];
    return answerOf(path, requestSerialize({ name: 'count', source, appendId }));
  };
  const { path, requestSerialize } = projectionsService.Change;
  const change = (action: ProjectionAction, appendId: Buffer) =>
    answerOf(path, requestSerialize({ name: 'count', action, appendId }));
  return { create: define('Create'), update: define('Update'), change };
}

test('a change that is repeated at another node, behind the takeover and after a restart, is found and not made twice [S6]', async () => {
  nodes = await TestNodes.prepare(3);
  await Promise.all([0, 1, 2].map((n) => nodes.startNode(n, {}, { openProgram: openSmallProgram })));
  const leader = await nodes.leader();
  const [other, third] = [0, 1, 2].filter((n) => n !== leader) as [number, number];
  const db = await nodes.client();
  const facts = async () => (await db.read('$projection-count').toArray()).map(({ type }) => type);
  const [create, update, reset] = [newId(), newId(), newId()];

  const created = await sayTo(leader).create(COUNT, create);
  const updated = await sayTo(leader).update(TWICE, update);
  await until('it takes over', async () => (await facts()).at(-1) === '$projectionTakenOver');
  expect(await sayTo(other).update(TWICE, update)).toEqual({ ...updated, repeated: true });
  expect(await sayTo(other).create(COUNT, create)).toEqual({ ...created, repeated: true });
  const wasReset = await sayTo(other).change('PROJECTION_ACTION_RESET', reset);
  await sayTo(other).change('PROJECTION_ACTION_DISABLE', newId());
  const before = await facts();

  await nodes.stopNode(third);
  await nodes.startNode(third, {}, { openProgram: openSmallProgram });
  for (const n of [third, leader]) {
    expect(await sayTo(n).change('PROJECTION_ACTION_RESET', reset)).toEqual({ ...wasReset, repeated: true });
    expect(await sayTo(n).update(TWICE, update)).toEqual({ ...updated, repeated: true });
    await expect(sayTo(n).update(COUNT, update)).rejects.toMatchObject({ code: 'APPEND_ID_REUSED' });
    await expect(sayTo(n).change('PROJECTION_ACTION_RESET', create)).rejects.toMatchObject({
      code: 'APPEND_ID_REUSED',
    });
  }
  expect(await facts()).toEqual(before);
});
