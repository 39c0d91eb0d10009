import { FactstoreError } from '../base/errors.ts';

/**
 * The cluster of a client. After a majority was lost for good there may be two that know each other's addresses (R3), and
 * an address may come to another cluster: what was acknowledged there would be missing here.
 */
export class OneCluster {
  private known = '';

  /** A UUID; empty: no node that has a cluster was met yet. */
  get id(): string {
    return this.known;
  }

  /** Says which one it is, for as long as the client lives. */
  settle(id: string): void {
    this.known = id;
  }

  /**
   * Whether the node at an address, which tells this cluster id, is known to be of the cluster; one that is just joining
   * has none yet, and may come to be of any. The first that has one decides, unless that is settled. Ends in UNREACHABLE
   * where it is of another cluster: others may be there that are not.
   */
  holds(address: string, id: string): boolean {
    if (id === '') return false;
    this.known ||= id;
    if (id === this.known) return true;
    const reason = `it belongs to cluster ${id}, and this client is connected to cluster ${this.known}: connect anew if that is meant`;
    const details = { address, reason, otherCluster: id };
    throw new FactstoreError('UNREACHABLE', `${address}: ${reason}`, details, { definite: true });
  }
}

/** Whether an error says that a node is of another cluster. */
export function isOfAnother(error: FactstoreError): boolean {
  return error.details.otherCluster !== undefined;
}
