import { FactstoreError } from '../base/errors.ts';
import type { StatePiece } from './state-copy.ts';

export interface DiskRoomPorts {
  /** False while less space is free on the disk than the node keeps in reserve (rule D1). */
  enoughSpace(): Promise<boolean>;
}

const OBSTACLE = 'the disk of this node is nearly full: it goes on by itself once there is space';

/**
 * Whether a generation may write states. They may take many times as much as the events that they are made of, and a write
 * that finds no space would end the node, at each start anew: so what can be built later waits.
 */
export class DiskRoom {
  private readonly ports: DiskRoomPorts;
  private missing = false;

  constructor(ports: DiskRoomPorts) {
    this.ports = ports;
  }

  /** Why nothing is written at the moment, in words; undefined: it is. */
  get obstacle(): string | undefined {
    return this.missing ? OBSTACLE : undefined;
  }

  async isMissing(): Promise<boolean> {
    this.missing = !(await this.ports.enoughSpace());
    return this.missing;
  }

  /** A copy as it comes, which ends in DISK_RESERVE before the first piece for which there is no room. */
  async *guard(pieces: AsyncIterable<StatePiece>): AsyncGenerator<StatePiece> {
    for await (const piece of pieces) {
      if (await this.isMissing()) throw new FactstoreError('DISK_RESERVE', OBSTACLE);
      yield piece;
    }
  }
}
