import type { Signal } from '../base/signal.ts';
import type { ScavengeWord } from '../model/scavenge-fact.ts';
import type { ScavengeState } from '../proto/gen/factstore/v1/ScavengeState.ts';
import type { ScavengeStatusResponse } from '../proto/gen/factstore/v1/ScavengeStatusResponse.ts';
import type { StartScavengeRequest__Output } from '../proto/gen/factstore/v1/StartScavengeRequest.ts';
import type { StartScavengeResponse } from '../proto/gen/factstore/v1/StartScavengeResponse.ts';
import type { StopScavengeRequest__Output } from '../proto/gen/factstore/v1/StopScavengeRequest.ts';
import type { StopScavengeResponse } from '../proto/gen/factstore/v1/StopScavengeResponse.ts';
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
  readonly waitsFor: string;
}

/** A fact about scavenges that is in the log. */
export interface ScavengeFact {
  readonly position: number;
  /** True: the append id had been used before. */
  readonly repeated: boolean;
}

/** What the admin service asks of the node. */
export interface AdminPorts {
  /** Starts or stops scavenges, on all nodes. */
  sayScavenge(word: ScavengeWord, appendId: Uint8Array, signal: Signal): Promise<ScavengeFact>;
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
    StartScavenge: unary<StartScavengeRequest__Output, StartScavengeResponse>(logger, async (request, signal) => {
      const { position, repeated } = await ports.sayScavenge('start', request.appendId, signal());
      return { point: position, repeated };
    }),
    StopScavenge: unary<StopScavengeRequest__Output, StopScavengeResponse>(logger, (request, signal) =>
      ports.sayScavenge('stop', request.appendId, signal()),
    ),
    ScavengeStatus: unary<object, ScavengeStatusResponse>(logger, async () => {
      const status = ports.scavengeStatus();
      return { ...status, state: STATES[status.state] };
    }),
  };
}
