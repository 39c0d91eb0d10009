import { randomBytes, randomInt } from 'node:crypto';
import { type ForwardHandler, ForwardServer } from '../../src/peer/forward-server.ts';
import { Handshake, type SeenPeers } from '../../src/peer/handshake.ts';
import { memberId, type PeerIdentity } from '../../src/peer/identity.ts';
import { PeerNetwork } from '../../src/peer/peer-network.ts';
import { PeerServer } from '../../src/peer/peer-server.ts';
import type { MemberId } from '../../src/raft/types.ts';
import { EntryType } from '../../src/raft/types.ts';
import type { PeerMessage } from '../../src/replica/ports.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import { type EntryRecord, genesisChain, sealEntry } from '../../src/storage/record.ts';

/** Resolves once the condition holds; the test's own time limit ends the wait. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export interface Line {
  readonly level: string;
  readonly event: string;
  readonly text: string;
}

/** A logger that keeps what it is told. */
export function logging(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const write = (level: string) => (fields: { event?: string }, text: string) =>
    lines.push({ level, event: fields.event ?? '', text });
  const logger = { child: () => logger } as unknown as Logger;
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) {
    (logger as unknown as Record<string, unknown>)[level] = write(level);
  }
  return { logger, lines };
}

export function record(index: number, payload = 'payload', term = 1): EntryRecord {
  const draft = { index, term, type: EntryType.events, firstPosition: index, count: 1, createdUs: 1_000_000 + index };
  return sealEntry({ ...draft, payload: Buffer.from(payload) }, genesisChain(Buffer.alloc(16)));
}

export function append(from: MemberId, to: MemberId, index: number, records: readonly EntryRecord[]): PeerMessage {
  const entries = records.map((r) => ({
    index: r.index,
    term: r.term,
    type: r.type,
    bytes: r.bytes.length,
    payload: r,
  }));
  return { type: 'append', from, to, term: 1, index, logTerm: 1, commit: 0, entries, loadMax: 0 };
}

export function heartbeat(from: MemberId, to: MemberId, context: number): PeerMessage {
  return { type: 'heartbeat', from, to, term: 1, commit: 0, context, acknowledged: [], clocks: [] };
}

export const random = (from: number, to: number) => randomInt(from, to);

export interface TestNode {
  readonly id: MemberId;
  readonly me: PeerIdentity;
  readonly address: string;
  readonly received: { message: PeerMessage; clockUs: number }[];
  readonly lost: MemberId[];
  readonly lines: Line[];
  readonly handshake: Handshake;
  readonly network: PeerNetwork;
  readonly server: PeerServer;
  member(): { memberId: MemberId; peerAddress: string };
  /** Everything ends at once, as when the process is killed. */
  kill(): void;
}

const running = new Set<TestNode>();

export function killAll(): void {
  for (const node of [...running]) node.kill();
}

export interface NodeOptions {
  readonly nodeId: string;
  readonly clusterId: Uint8Array;
  readonly directoryId?: Uint8Array;
  readonly incarnation?: number;
  readonly listen?: string;
  readonly seen?: SeenPeers;
  readonly handle?: ForwardHandler;
}

export async function startNode(options: NodeOptions): Promise<TestNode> {
  const { nodeId, clusterId, directoryId = randomBytes(16), incarnation = 1 } = options;
  const { logger, lines } = logging();
  const me = { clusterId, nodeId, directoryId, incarnation };
  const unused = () => {
    throw new Error('not used here');
  };
  const handlers = {
    identify: unused,
    found: unused,
    entries: unused,
    join: unused,
    stateDigests: unused,
    state: unused,
  };
  const server = await PeerServer.start(options.listen ?? '127.0.0.1:0', handlers, logger);
  const received: TestNode['received'] = [];
  const lost: MemberId[] = [];
  const handshake = new Handshake({
    me,
    peerAddress: server.address,
    clock: systemClock,
    logger,
    ...(options.seen ? { seen: options.seen } : {}),
  });
  const network = new PeerNetwork({
    handshake,
    inbound: {
      receive: (message, clockUs) => received.push({ message, clockUs }),
      connectionLost: (member) => lost.push(member),
    },
    clock: systemClock,
    logger,
  });
  const handle: ForwardHandler = options.handle ?? (async (bytes) => bytes);
  const forwards = new ForwardServer({ handshake, clock: systemClock, logger, handle });
  server.serveStreams({ messages: (call) => network.accept(call), forward: (call) => forwards.accept(call) });
  const node: TestNode = {
    id: memberId(nodeId, directoryId),
    me,
    address: server.address,
    received,
    lost,
    lines,
    handshake,
    network,
    server,
    member: () => ({ memberId: node.id, peerAddress: server.address }),
    kill: () => {
      running.delete(node);
      server.close();
      network.close();
    },
  };
  running.add(node);
  return node;
}

/** Makes the nodes each other's members and waits until all are connected. */
export async function introduce(...nodes: TestNode[]): Promise<void> {
  const members = nodes.map((node) => node.member());
  for (const node of nodes) node.network.setMembers(members);
  await until(() => nodes.every((a) => nodes.every((b) => a === b || a.network.status(b.id).reachable)));
}
