import { FactstoreError, invalid } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { MessageReader } from '../proto/message-reader.ts';
import { MessageWriter } from '../proto/message-writer.ts';
import type { Logger } from '../runtime/logger.ts';
import { id16 } from './codec.ts';
import { describeStatus, endOfFailure, openStream, type ServerCall } from './grpc.ts';

/** What a node asks that cannot build the state of a generation from its own log any more. */
export interface StateRequest {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly projection: string;
  readonly generation: number;
  readonly atLeast: number;
}

type StateRow = readonly [key: Uint8Array, value: Uint8Array];

/** A piece of a state: rows, or at the end the digest of all. */
type StatePiece =
  | { readonly kind: 'rows'; readonly rows: readonly StateRow[] }
  | { readonly kind: 'end'; readonly digest: Uint8Array };

export function encodeStateRequest({ clusterId, projection, generation, atLeast }: StateRequest): Buffer {
  return new MessageWriter().data(1, clusterId).text(2, projection).uint(3, generation).uint(4, atLeast).finish();
}

/** Ends in INVALID_ARGUMENT where the bytes are not such a request. */
export function decodeStateRequest(bytes: Uint8Array): StateRequest {
  const reader = new MessageReader('StateRequest', bytes);
  const request = { projection: '', generation: 0, atLeast: 0 };
  let clusterId: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) clusterId = id16(reader, 'cluster_id');
    else if (reader.field === 2) request.projection = reader.text('projection');
    else if (reader.field === 3) request.generation = reader.uint('generation');
    else if (reader.field === 4) request.atLeast = reader.uint('at_least');
  }
  if (!clusterId) throw invalid('cluster_id', 'is missing');
  return { clusterId, ...request };
}

export function encodeStatePiece(piece: StatePiece): Buffer {
  const writer = new MessageWriter();
  if (piece.kind === 'end') return writer.data(2, piece.digest).finish();
  for (const [key, value] of piece.rows) writer.nested(1, (row) => row.data(1, key).data(2, value));
  return writer.finish();
}

/** Ends in NOT_FOUND where the node says that it has none, in INVALID_ARGUMENT where the bytes are no piece. */
export function decodeStatePiece(bytes: Uint8Array): StatePiece {
  const reader = new MessageReader('StatePiece', bytes);
  const rows: StateRow[] = [];
  let digest: Uint8Array | undefined;
  while (reader.next()) {
    if (reader.field === 1) rows.push(decodeRow(reader.nested('rows', 'StateRow')));
    else if (reader.field === 2) digest = reader.data('digest');
    else if (reader.field === 3) throw new FactstoreError('NOT_FOUND', reader.text('none'));
  }
  return digest ? { kind: 'end', digest } : { kind: 'rows', rows };
}

function decodeRow(reader: MessageReader): StateRow {
  let key: Uint8Array = new Uint8Array(0);
  let value: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.field === 1) key = reader.data('key');
    else if (reader.field === 2) value = reader.data('value');
  }
  return [key, value];
}

type GiveState = (request: StateRequest) => AsyncIterable<StatePiece>;

/** Answers a call: the pieces of what its only message asks for. NOT_FOUND becomes a piece that says so. */
export function serveState(call: ServerCall, give: GiveState, logger: Logger): void {
  call.on('error', () => undefined);
  call.once('data', (bytes: Buffer) => {
    send(call, bytes, give).catch((error: unknown) => {
      if (!call.cancelled) call.emit('error', endOfFailure(error, logger));
    });
  });
}

/** No faster than they are taken. */
async function send(call: ServerCall, request: Buffer, give: GiveState): Promise<void> {
  try {
    for await (const piece of give(decodeStateRequest(request))) {
      if (call.cancelled) return;
      if (!call.write(encodeStatePiece(piece))) await drained(call);
    }
  } catch (error) {
    if (!(error instanceof FactstoreError) || error.code !== 'NOT_FOUND') throw error;
    call.write(new MessageWriter().text(3, error.message).finish());
  }
  call.end();
}

function drained(call: ServerCall): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.once('drain', done);
    call.once('cancelled', done);
  });
}

/**
 * Asks one node for a state. Ends in NOT_FOUND where it has none and will not come to it, in UNREACHABLE where it could
 * not be asked.
 */
export async function* stateFrom(address: string, request: StateRequest, signal: Signal): AsyncGenerator<StatePiece> {
  const { call, close } = openStream(address, 'State');
  const abort = () => call.cancel();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    call.write(encodeStateRequest(request));
    for await (const bytes of call) yield decodeStatePiece(bytes as Buffer);
  } catch (error) {
    if (error instanceof FactstoreError) throw error;
    const { reason } = describeStatus(address, error as { code: number; details: string });
    throw new FactstoreError('UNREACHABLE', reason, { address });
  } finally {
    signal.removeEventListener('abort', abort);
    close();
  }
}
