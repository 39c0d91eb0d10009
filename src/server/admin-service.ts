import type { ScavengeState } from '../proto/gen/factstore/v1/ScavengeState.ts';
import type { ScavengeStatusResponse } from '../proto/gen/factstore/v1/ScavengeStatusResponse.ts';
import type { Logger } from '../runtime/logger.ts';
import { unary } from './calls.ts';

/** The last scavenge, as far as the node has come with it. */
interface ScavengeFigures {
  readonly state: 'none' | 'running' | 'done' | 'stopped';
  readonly point: number;
  readonly through: number;
  readonly to: number;
  readonly events: number;
  readonly bytes: number;
}

/** What the admin service asks of the node. */
export interface AdminPorts {
  /** Resolves with the scavenge point. */
  startScavenge(): Promise<number>;
  /** Resolves with the position of the fact. */
  stopScavenge(): Promise<number>;
  scavengeStatus(): ScavengeFigures;
}

const STATES = {
  none: 'SCAVENGE_STATE_UNSPECIFIED',
  running: 'SCAVENGE_STATE_RUNNING',
  done: 'SCAVENGE_STATE_DONE',
  stopped: 'SCAVENGE_STATE_STOPPED',
} as const satisfies Record<ScavengeFigures['state'], ScavengeState>;

/** factstore.v1.Admin */
export function adminHandlers(ports: AdminPorts, logger: Logger) {
  return {
    StartScavenge: unary<object, { point: number }>(logger, async () => ({ point: await ports.startScavenge() })),
    StopScavenge: unary<object, { position: number }>(logger, async () => ({ position: await ports.stopScavenge() })),
    ScavengeStatus: unary<object, ScavengeStatusResponse>(logger, async () => {
      const status = ports.scavengeStatus();
      return { ...status, state: STATES[status.state] };
    }),
  };
}
