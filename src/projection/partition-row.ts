/** What a projection has of one partition: JSON as bytes. */
export interface PartitionState {
  readonly state: Uint8Array | undefined;
  /** What its transformations make of the state; without any, the state itself. */
  readonly result: Uint8Array | undefined;
}

const HAS_STATE = 1;
const HAS_RESULT = 2;
/** The result is the state: its bytes stand there once. */
const SAME = 4;

/** Flags (1) ‖ length of the state (4, big-endian) ‖ state ‖ result. */
export function encodePartition(state: Uint8Array | null, result: Uint8Array | null): Buffer {
  const same = state !== null && result !== null && Buffer.compare(state, result) === 0;
  const stateBytes = state ?? new Uint8Array(0);
  const resultBytes = result === null || same ? new Uint8Array(0) : result;
  const row = Buffer.allocUnsafe(5 + stateBytes.length + resultBytes.length);
  row[0] = (state ? HAS_STATE : 0) | (result ? HAS_RESULT : 0) | (same ? SAME : 0);
  row.writeUInt32BE(stateBytes.length, 1);
  row.set(stateBytes, 5);
  row.set(resultBytes, 5 + stateBytes.length);
  return row;
}

export function decodePartition(row: Buffer): PartitionState {
  const flags = row[0] ?? 0;
  const end = 5 + row.readUInt32BE(1);
  const state = flags & HAS_STATE ? row.subarray(5, end) : undefined;
  const result = flags & SAME ? state : flags & HAS_RESULT ? row.subarray(end) : undefined;
  return { state, result };
}
