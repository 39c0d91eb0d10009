import { join } from 'node:path';
import { uuidBytes } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { NodeOptions } from '../config/options.ts';
import { formatAddress } from '../config/values.ts';
import { memberId } from '../peer/identity.ts';
import { type Membership, membershipIn } from '../peer/membership-codec.ts';
import { isVoter } from '../raft/configuration.ts';
import type { Logger } from '../runtime/logger.ts';
import { damageIn } from '../storage/damage.ts';
import { DirectoryLock } from '../storage/directory-lock.ts';
import { formerSelfPath, leaveFormerSelf, readReturnNote } from '../storage/former-self.ts';
import { type Identity, readIdentity } from '../storage/identity.ts';
import { LevelStore } from '../storage/level-store.ts';
import { RAFT_LOG_DATABASE } from '../storage/raft-log.ts';
import { newestIntactMembership } from '../storage/raft-log-recovery.ts';

/**
 * A node may have forgotten what it promised: a vote, or an acknowledgement (rule D7). As the member that it was it must
 * take part in nothing any more. Where others can be asked, its files are put aside, and its node starts anew on an empty
 * directory, as another member that takes the former one's place: no vote and no acknowledgement of that one counts any
 * more. False: it cannot come back so, and has to refuse to start.
 */
export async function leaveMember(options: NodeOptions, error: unknown, logger: Logger): Promise<boolean> {
  const damage = damageIn(error);
  if (damage?.kind !== 'promiseLost') return false;
  const path = options.data;
  const lock = await DirectoryLock.take(path);
  try {
    const identity = await readIdentity(join(path, 'identity.json'));
    // Without one it has left already.
    if (!identity) return (await readReturnNote(path)) !== undefined;
    if (identity.clusterId === null) return false;
    const peers = await peersOf(options, identity);
    if (peers.length === 0) return false;
    const note = { clusterId: identity.clusterId, former: identity.directoryId, peers, why: damage.text };
    await leaveFormerSelf(path, note);
    logger.error(
      { event: 'member.left', former: note.former, err: error },
      `${identity.nodeId} may have forgotten a promise (${damage.text}); it comes back as a new member. What its former self had is kept in ${formerSelfPath(path, note)}; delete that once the cluster is well`,
    );
    return true;
  } finally {
    await lock.release();
  }
}

/** Addresses of other members, as settings and log give them; none where this node alone decides. */
async function peersOf(options: NodeOptions, { nodeId, directoryId }: Identity): Promise<string[]> {
  const { cluster = [], join: seeds = [] } = options;
  const given = [...cluster.filter((member) => member.nodeId !== nodeId), ...seeds].map(formatAddress);
  const membership = await lastMembership(join(options.data, 'log'));
  if (!membership) return [...new Set(given)];
  const self = memberId(nodeId, uuidBytes(directoryId) as Uint8Array);
  if (membership.voters[0].size === 1 && isVoter(membership, self)) return [];
  const known = [...membership.members].filter(([id]) => id !== self).map(([, { peerAddress }]) => peerAddress);
  return [...new Set([...given, ...known])];
}

/** What the newest membership row says that can still be read. */
async function lastMembership(logPath: string): Promise<Membership | undefined> {
  let store: LevelStore | undefined;
  try {
    store = await LevelStore.open(logPath, RAFT_LOG_DATABASE);
    const entry = await newestIntactMembership(store);
    return entry && membershipIn(entry);
  } catch (error) {
    if (error instanceof FactstoreError && error.code === 'DATA_LOSS') return undefined;
    throw error;
  } finally {
    await store?.close();
  }
}
