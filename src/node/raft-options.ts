import type { NodeOptions } from '../config/options.ts';
import type { ReplicaOptions } from '../replica/replica.ts';

const MIB = 1 << 20;

/** The options of the consensus core that follow from the configuration. */
export function raftOptions(options: NodeOptions): ReplicaOptions['raft'] {
  const ticks = (ms: number) => Math.max(1, Math.round(ms / options.tickIntervalMs));
  return {
    electionTimeoutTicks: ticks(options.electionTimeoutMs),
    heartbeatTicks: ticks(options.heartbeatIntervalMs),
    inflightMessagesMax: 256,
    inflightBytesMax: 32 * MIB,
    messageBytesMax: MIB,
    messageEntriesMax: 4_096,
    batchBytesMax: 4 * MIB,
    tailBytesMax: 32 * MIB,
    appliedLagMax: 10_000,
  };
}
