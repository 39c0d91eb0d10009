import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { FactstoreError } from '../../src/base/errors.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import {
  decodeStatePiece,
  decodeStateRequest,
  encodeStatePiece,
  encodeStateRequest,
  type StateRequest,
  stateFrom,
} from '../../src/peer/states.ts';
import { logging } from './support.ts';

type Give = Parameters<typeof PeerServer.start>[1]['state'];
type Piece = Parameters<typeof encodeStatePiece>[0];

const servers: PeerServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const request: StateRequest = { clusterId: new Uint8Array(16).fill(3), projection: 'p', generation: 4, atLeast: 99 };
const signal = new AbortController().signal;

async function start(state: Give) {
  const { logger, lines } = logging();
  const unused = () => {
    throw new Error('not used here');
  };
  const handlers = { identify: unused, found: unused, entries: unused, join: unused, stateDigests: unused, state };
  const server = await PeerServer.start('127.0.0.1:0', handlers, logger);
  servers.push(server);
  return { address: server.address, lines };
}

async function taken(address: string): Promise<Piece[]> {
  const all: Piece[] = [];
  for await (const piece of stateFrom(address, request, signal)) all.push(piece);
  return all;
}

async function* failing(error: Error): AsyncGenerator<Piece> {
  yield* await Promise.reject<Piece[]>(error);
}

describe('a state on its way between nodes [P1]', () => {
  test('P1: request and pieces are what they were', () => {
    const decoded = decodeStateRequest(encodeStateRequest(request));
    expect({ ...decoded, clusterId: [...decoded.clusterId] }).toEqual({
      ...request,
      clusterId: [...request.clusterId],
    });
    expect(() => decodeStateRequest(encodeStateRequest({ ...request, clusterId: new Uint8Array(3) }))).toThrow(
      /cluster_id/,
    );
    const rows: Piece = { kind: 'rows', rows: [[Buffer.from('a'), Buffer.from('1')]] };
    for (const piece of [rows, { kind: 'end', digest: Buffer.from('abc') } as const]) {
      expect(JSON.stringify(decodeStatePiece(encodeStatePiece(piece)))).toBe(JSON.stringify(piece));
    }
  });

  test('P1: 40 MiB come in order and whole, and no more of them is held than is taken', async () => {
    const value = randomBytes(64 << 10);
    let asked: StateRequest | undefined;
    let given = 0;
    const { address } = await start(async function* (wanted) {
      asked = wanted;
      for (let n = 0; n < 640; n++) {
        given = n;
        yield { kind: 'rows', rows: [[Buffer.from(String(n)), value]] };
      }
      yield { kind: 'end', digest: Buffer.from('digest') };
    });
    const keys: string[] = [];
    let ahead = 0;
    for await (const piece of stateFrom(address, request, signal)) {
      if (piece.kind === 'end') expect(Buffer.from(piece.digest).toString()).toBe('digest');
      else {
        const [[key, bytes]] = piece.rows as [[Uint8Array, Uint8Array]];
        expect(Buffer.compare(bytes, value)).toBe(0);
        keys.push(Buffer.from(key).toString());
        ahead = Math.max(ahead, given - keys.length);
        await new Promise((done) => setImmediate(done));
      }
    }
    expect(keys).toEqual(Array.from({ length: 640 }, (_, n) => String(n)));
    // 24 MiB of windows and buffers at most, of 64 KiB each.
    expect(ahead).toBeLessThan(400);
    expect(asked?.projection).toBe('p');
  });

  test('P1: a node that does not have it says so; whatever else goes wrong is another matter', async () => {
    const none = await start(() => failing(new FactstoreError('NOT_FOUND', 'this node does not have it')));
    await expect(taken(none.address)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'this node does not have it',
    });
    const later = await start(() => failing(new FactstoreError('NOT_READY', 'it has not come so far')));
    await expect(taken(later.address)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const broken = await start(() => failing(new Error('a bug')));
    await expect(taken(broken.address)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(broken.lines.map(({ text }) => text)).toContain('a call of a peer failed');
    await expect(taken('127.0.0.1:1')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('P1: a fetch that is given up ends the call at the other node', async () => {
    let ended = false;
    const { address } = await start(async function* () {
      try {
        for (;;) yield { kind: 'rows', rows: [[Buffer.from('k'), randomBytes(1 << 16)]] };
      } finally {
        ended = true;
      }
    });
    for await (const _ of stateFrom(address, request, signal)) break;
    await expect.poll(() => ended).toBe(true);
  });
});
