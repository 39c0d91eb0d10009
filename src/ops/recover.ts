import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidBytes, uuidText } from '../base/bytes.ts';
import { FactstoreError } from '../base/errors.ts';
import type { Signal } from '../base/signal.ts';
import { identify } from '../peer/founding-survey.ts';
import { memberId, nodeIdOf } from '../peer/identity.ts';
import { encodeMembership, type Membership, membershipIn } from '../peer/membership-codec.ts';
import { allMembers, allVoters, isQuorum, isVoter } from '../raft/configuration.ts';
import type { MemberId } from '../raft/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { DirectoryLock } from '../storage/directory-lock.ts';
import { refuseOtherUser } from '../storage/directory-owner.ts';
import { removeDivergenceNote } from '../storage/divergence-note.ts';
import { isThere } from '../storage/files.ts';
import { type Identity, readIdentity, writeIdentity } from '../storage/identity.ts';
import { LevelStore } from '../storage/level-store.ts';
import { settleSwap } from '../storage/log-swap.ts';
import { PromiseFile } from '../storage/promise-file.ts';
import { RAFT_LOG_DATABASE, RaftLog } from '../storage/raft-log.ts';
import { genesisChain, sealMembership } from '../storage/record.ts';
import {
  type RecoveryNote,
  readRecoveryNote,
  removeRecoveryNote,
  writeRecoveryNote,
} from '../storage/recovery-note.ts';

/** What a node has, to be held against what the others may have had. */
export interface Survivor {
  /** True: it was decided before, and interrupted. */
  readonly begun: boolean;
  readonly nodeId: string;
  /** Of the cluster that has lost its majority. */
  readonly clusterId: string;
  readonly voters: readonly string[];
  readonly lastIndex: number;
  /** The term of the last entry. */
  readonly lastTerm: number;
  /** When it was made: microseconds since 1970. */
  readonly lastCreatedUs: number;
  readonly lastPosition: number;
  /** Entries up to this one are known to be committed. */
  readonly commitIndex: number;
  /** The other members, and why each does not answer; empty: it does. */
  readonly others: readonly { readonly nodeId: string; readonly peerAddress: string; readonly silence: string }[];
}

/**
 * Makes the directory of a stopped node, one of a cluster that has lost its majority for good, the first member of a new
 * cluster that goes on with its log (rule R3). Nobody can know what the lost majority has acknowledged beyond that, so it
 * is a decision and not a repair: `survivor` tells what it rests on, and only `carryOut` changes anything.
 *
 * The new cluster has an id of its own and this member a new directory id, so whoever was left behind is recognised by
 * every node of the new one, and refused. The log is the same, chain and all, with one entry more.
 */
export class Recovery {
  readonly survivor: Survivor;
  private readonly path: string;
  private readonly lock: DirectoryLock;
  private readonly opened: OpenedDirectory;

  private constructor(path: string, lock: DirectoryLock, opened: OpenedDirectory, survivor: Survivor) {
    this.path = path;
    this.lock = lock;
    this.opened = opened;
    this.survivor = survivor;
  }

  /**
   * Ends in FAILED_PRECONDITION where there is nothing to recover: no such directory, one in use, of no cluster or of its
   * only voter, of another user, of a node that is no member any more, or where a majority answers; in DATA_LOSS where it
   * is damaged.
   */
  static async open(path: string, clock: Clock, signal: Signal): Promise<Recovery> {
    await refuseOtherUser(path);
    if (!(await isThere(join(path, 'identity.json'))))
      throw refused(path, 'is not a data directory: it has no identity.json');
    const lock = await DirectoryLock.take(path);
    let opened: OpenedDirectory | undefined;
    try {
      opened = await openDirectory(path);
      const survivor = await survey(path, opened, clock, signal);
      return new Recovery(path, lock, opened, survivor);
    } catch (error) {
      await opened?.close();
      await lock.release();
      throw error;
    }
  }

  /** Carries it out, or goes on with it where it was interrupted; gives the id of the new cluster. */
  async carryOut(): Promise<string> {
    const { path } = this;
    const { identity, lineage, note: begun } = this.opened;
    const note = begun ?? { clusterId: randomUUID(), directoryId: randomUUID() };
    if (!begun) await writeRecoveryNote(path, note);
    if (uuidOf(lineage?.clusterId) !== note.clusterId) await this.beginCluster(note);
    await this.opened.close();
    const foundedAs = identity.foundedAs ?? (identity.clusterId as string);
    const { clusterId, directoryId } = note;
    await writeIdentity(join(path, 'identity.json'), { ...identity, clusterId, foundedAs, directoryId });
    // What was seen of the members that are left behind means nothing for those to come.
    await rm(join(path, 'peers.json'), { force: true });
    // Whoever recovers goes on with this log, whatever others had.
    await removeDivergenceNote(path);
    await removeRecoveryNote(path);
    return clusterId;
  }

  async close(): Promise<void> {
    await this.opened.close();
    await this.lock.release();
  }

  /** The entry that begins the new cluster; all that stands before it is committed with it. */
  private async beginCluster({ clusterId, directoryId }: RecoveryNote): Promise<void> {
    const { identity, log, memberships, self } = this.opened;
    const former = memberships.map(({ members }) => members.get(self)).findLast((one) => one !== undefined);
    const node = {
      nodeId: identity.nodeId,
      directoryId: uuidBytes(directoryId) as Uint8Array,
      address: former?.address ?? '',
      peerAddress: former?.peerAddress ?? '',
    };
    const id = memberId(node.nodeId, node.directoryId);
    const none = new Set<MemberId>();
    const to = { voters: [new Set([id]), none] as const, learners: none, learnersNext: none, begins: true };
    const ancestor = {
      clusterId: uuidBytes(identity.clusterId ?? '') as Uint8Array,
      position: log.end.nextPosition - 1,
    };
    const lineage = {
      clusterId: uuidBytes(clusterId) as Uint8Array,
      ancestors: [...(this.opened.lineage?.ancestors ?? []), ancestor],
    };
    const payload = encodeMembership(to, new Map([[id, node]]), lineage);
    // Above every term that this node knows of; who may know of higher ones is of another cluster from now on.
    const term = log.hardState.term + 1;
    const entry = sealMembership(term, log.end, payload);
    const hardState = { term, vote: undefined, commit: entry.index };
    await log.write({ truncateAfter: undefined, records: [entry], hardState });
  }
}

interface OpenedDirectory {
  readonly identity: Identity;
  readonly note: RecoveryNote | undefined;
  readonly log: RaftLog;
  /** The configuration in force and those that may have come after it, the newest last. */
  readonly memberships: readonly Membership[];
  /** That of the newest one; undefined: no cluster that was recovered. */
  readonly lineage: Membership['lineage'];
  /** This node as a member of the cluster that is lost. */
  readonly self: MemberId;
  close(): Promise<void>;
}

async function openDirectory(path: string): Promise<OpenedDirectory> {
  const identity = await readIdentity(join(path, 'identity.json'));
  if (!identity || identity.clusterId === null) throw refused(path, 'belongs to no cluster');
  const note = await readRecoveryNote(path);
  await settleSwap(path);
  const genesis = genesisChain(uuidBytes(identity.foundedAs ?? identity.clusterId) as Uint8Array);
  const promises = await PromiseFile.open(join(path, 'promise'));
  let log: RaftLog;
  try {
    const store = await LevelStore.open(join(path, 'log'), RAFT_LOG_DATABASE);
    log = await RaftLog.open(store, { path, promises, genesis, incarnation: identity.incarnation }).catch(
      async (error) => {
        await store.close();
        throw error;
      },
    );
  } catch (error) {
    await promises.close();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = async () => {
    await log.close();
    await promises.close();
  };
  const memberships = log.memberships.map(membershipIn);
  const directoryId = uuidBytes(identity.directoryId) as Uint8Array;
  if (memberships.length === 0) {
    await close();
    throw refused(path, 'has a log without members');
  }
  return {
    identity,
    note,
    log,
    memberships,
    lineage: memberships.at(-1)?.lineage,
    self: memberId(identity.nodeId, directoryId),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

async function survey(
  path: string,
  { identity, log, memberships, self, note }: OpenedDirectory,
  clock: Clock,
  signal: Signal,
): Promise<Survivor> {
  const { nodeId } = identity;
  const last = await log.get(log.lastIndex);
  const found = {
    begun: note !== undefined,
    nodeId,
    clusterId: identity.clusterId as string,
    voters: [...new Set(memberships.flatMap((one) => Array.from(allVoters(one), nodeIdOf)))].sort(),
    lastIndex: log.lastIndex,
    lastTerm: log.end.term,
    lastCreatedUs: last?.createdUs ?? 0,
    lastPosition: log.end.nextPosition - 1,
    commitIndex: log.hardState.commit,
  };
  if (note) return { ...found, others: [] };
  const needless = needlessOffline(memberships, self, nodeId);
  if (needless) throw refused(path, needless);
  const members = new Map(memberships.flatMap((one) => [...one.members]));
  members.delete(self);
  const others = await Promise.all(
    Array.from(members, async ([id, { peerAddress }]) => {
      const silence = await silenceOf(id, identity, peerAddress, clock, signal);
      return { id, nodeId: nodeIdOf(id), peerAddress, silence };
    }),
  );
  const answering = new Set(others.filter(({ silence }) => silence === '').map(({ id }) => id));
  if (memberships.every((one) => isQuorum(one, (id) => id === self || answering.has(id)))) {
    const names = Array.from(answering, nodeIdOf).sort().join(', ');
    if (isOutside(memberships.at(-1) as Membership, self)) throw refused(path, removedText(nodeId));
    throw refused(
      path,
      `is that of a cluster that has its majority: ${names} ${answering.size === 1 ? 'answers' : 'answer'}, so start ${nodeId} instead. Nothing is lost`,
    );
  }
  return { ...found, others: others.map(({ id, ...other }) => other) };
}

/**
 * Why there is nothing to recover, whoever answers. Nobody knows whether a change that is not known to be committed will come
 * into force, and the node could be unable to elect a leader either way: so it must be true under all of them.
 */
function needlessOffline(memberships: readonly Membership[], self: MemberId, nodeId: string): string | undefined {
  if (memberships.every((one) => isOutside(one, self))) return removedText(nodeId);
  const alone = memberships.every((one) => allVoters(one).size === 1 && isVoter(one, self));
  return alone ? `is that of ${nodeId}, the only voter of its cluster, which needs nobody else: start it` : undefined;
}

function isOutside(membership: Membership, self: MemberId): boolean {
  return !allMembers(membership).has(self);
}

function removedText(nodeId: string): string {
  return `is that of ${nodeId}, which is no member of its cluster any more`;
}

/** Why a member does not answer at its address; empty: it does. */
async function silenceOf(
  id: MemberId,
  { nodeId, clusterId }: Identity,
  address: string,
  clock: Clock,
  signal: Signal,
): Promise<string> {
  try {
    const found = await identify(nodeId, address, clock, signal);
    const answers = memberId(found.nodeId, found.directoryId);
    return answers === id && uuidOf(found.clusterId) === clusterId ? '' : `${answers} answers there`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function uuidOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined || bytes.length === 0 ? '' : uuidText(bytes);
}

function refused(path: string, why: string): FactstoreError {
  return new FactstoreError('FAILED_PRECONDITION', `${path} ${why}. Nothing was changed`, { path });
}
