import { bytesEqual, uuidText } from '../base/bytes.ts';
import type { Signal } from '../base/signal.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodeError } from './codec.ts';
import {
  decodeIdentification,
  encodeIdentifyRequest,
  type FoundingMember,
  type Identification,
} from './founding-codec.ts';
import { ask } from './grpc.ts';

/** How long a founder has to say who it is. */
const ASK_TIMEOUT_MS = 2000;

/** What a look at one founder showed. */
export interface Sighting {
  /** The founder that was looked for. */
  readonly nodeId: string;
  /**
   * - `ready`: it is who it should be and belongs to no cluster.
   * - `missing`: it cannot be reached, or is not who it should be.
   * - `founded`: it belongs to a cluster which counts this data directory among its members.
   * - `stranger`: it belongs to a cluster which does not.
   */
  readonly state: 'ready' | 'missing' | 'founded' | 'stranger';
  /** Why it is not `ready`. */
  readonly reason: string;
  /** What answered, if anything did. */
  readonly node: Identification | undefined;
}

export type Round = readonly Sighting[];

/** Looks at every other founder, all at the same time. */
export async function survey(
  me: FoundingMember,
  founders: ReadonlyMap<string, string>,
  clock: Clock,
  signal: Signal,
): Promise<Round> {
  const others = [...founders].filter(([nodeId]) => nodeId !== me.nodeId);
  const seen = await Promise.all(others.map(([nodeId, address]) => look(me, nodeId, address, clock, signal)));
  return seen.map((sighting) => withoutTwins(sighting, seen));
}

async function look(
  me: FoundingMember,
  nodeId: string,
  address: string,
  clock: Clock,
  signal: Signal,
): Promise<Sighting> {
  let node: Identification;
  try {
    node = await identify(me.nodeId, address, clock, signal);
  } catch (thrown) {
    return { nodeId, state: 'missing', reason: decodeError(thrown).message, node: undefined };
  }
  if (node.nodeId !== nodeId) {
    const reason = `at ${address} answers ${node.nodeId}, not ${nodeId}: one address in --cluster is wrong, or one --node-id`;
    return { nodeId, state: 'missing', reason, node };
  }
  if (bytesEqual(node.directoryId, me.directoryId)) {
    const reason = `it has the same data directory id as ${me.nodeId}: one is a copy of the other. Empty one of them`;
    return { nodeId, state: 'missing', reason, node };
  }
  if (node.clusterId.length === 0) return { nodeId, state: 'ready', reason: '', node };
  const named = node.members.some(
    (member) => member.nodeId === me.nodeId && bytesEqual(member.directoryId, me.directoryId),
  );
  const reason = named
    ? 'it has the founding record and will hand it over'
    : `it belongs to cluster ${uuidText(node.clusterId)}`;
  return { nodeId, state: named ? 'founded' : 'stranger', reason, node };
}

/** A data directory that was copied to a second founder would be two members in one. */
function withoutTwins(sighting: Sighting, all: Round): Sighting {
  const { node } = sighting;
  if (sighting.state !== 'ready' || !node) return sighting;
  const twin = all.find(
    (other) => other !== sighting && other.node && bytesEqual(other.node.directoryId, node.directoryId),
  );
  if (!twin) return sighting;
  const reason = `it has the same data directory id as ${twin.nodeId}: one is a copy of the other. Empty one of them`;
  return { ...sighting, state: 'missing', reason };
}

/** Asks who answers at an address. Ends in a FactstoreError whose text is the reason. */
export async function identify(asker: string, address: string, clock: Clock, signal: Signal): Promise<Identification> {
  const request = encodeIdentifyRequest(asker);
  return decodeIdentification(await ask(address, 'Identify', request, { clock, timeoutMs: ASK_TIMEOUT_MS, signal }));
}
