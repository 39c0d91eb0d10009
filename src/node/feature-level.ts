import { FactstoreError, invalid } from '../base/errors.ts';
import type { Database } from '../database/database.ts';
import type { Facts } from '../database/facts.ts';
import { FEATURES_STREAM, LEVEL_RAISED } from '../model/fact.ts';
import type { Handshake } from '../peer/handshake.ts';
import type { PeerNetwork } from '../peer/peer-network.ts';
import type { KnownMember } from './members.ts';

export interface RaiseLevelPorts {
  readonly facts: Facts;
  readonly database: Database;
  readonly self: string;
  readonly members: readonly KnownMember[];
  readonly network: Pick<PeerNetwork, 'status'>;
  readonly handshake: Pick<Handshake, 'knownFeatureLevel'>;
}

/**
 * Raises the feature level of the cluster (rule S16), on the leader: to `wanted`, or with 0 to the highest that every
 * member knows. Every member has to show that it knows it; one that cannot be reached might be of an older version, and
 * would have to stop when it reads of the new level. Resolves with the level once it is committed.
 */
export async function raiseFeatureLevel(ports: RaiseLevelPorts, wanted: number): Promise<number> {
  const { facts, database } = ports;
  if (wanted > 0 && wanted < facts.level) throw invalid('level', `${wanted} is below ${facts.level}: it never falls`);
  const known = ports.members.map((member) => ({ nodeId: member.nodeId, level: knownBy(ports, member) }));
  const level = wanted || Math.min(...known.map((member) => member.level));
  const behind = known.filter((member) => member.level < level);
  if (behind.length > 0) {
    const who = behind.map((member) => `${member.nodeId} knows levels up to ${member.level}`).join(', ');
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `the feature level cannot be raised to ${level}: ${who}. Start it with a newer version first`,
    );
  }
  if (level > facts.level) {
    await facts.write(database.openLane(true), FEATURES_STREAM, { kind: LEVEL_RAISED, data: { level } });
  }
  return facts.level;
}

function knownBy({ facts, self, network, handshake }: RaiseLevelPorts, { memberId, nodeId }: KnownMember): number {
  if (memberId === self) return facts.known;
  const { reachable, reason } = network.status(memberId);
  const known = handshake.knownFeatureLevel(memberId);
  if (reachable && known !== undefined) return known;
  throw new FactstoreError(
    'FAILED_PRECONDITION',
    `the feature level cannot be raised while ${nodeId} is not reachable (${reason}): it has to show that it knows the new one`,
  );
}
