import { fileURLToPath } from 'node:url';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import type { PeerDefinition } from './gen/factstore/peer/v1/Peer.ts';
import type { AdminDefinition } from './gen/factstore/v1/Admin.ts';
import type { ClusterDefinition } from './gen/factstore/v1/Cluster.ts';
import type { ProjectionsDefinition } from './gen/factstore/v1/Projections.ts';

/** The folder of the .proto files: the same from src/proto and from dist/proto. */
export const protoFolder = fileURLToPath(new URL('../../proto', import.meta.url));

/** All .proto files of factstore, relative to their folder. */
export const protoFiles = [
  'factstore/v1/events.proto',
  'factstore/v1/streams.proto',
  'factstore/v1/cluster.proto',
  'factstore/v1/projections.proto',
  'factstore/v1/admin.proto',
  'factstore/peer/v1/peer.proto',
] as const;

function load(files: readonly string[]): PackageDefinition {
  return loadSync([...files], {
    includeDirs: [protoFolder],
    keepCase: false,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

/** Everything, for reflection on the client port: what clients may call. */
export const clientPackage: PackageDefinition = load(protoFiles.slice(0, -1));

const peerPackage = load(protoFiles.slice(-1));

/** factstore.v1.Cluster; its calls are rare, so protobufjs' reflection encodes them. */
export const clusterService = clientPackage['factstore.v1.Cluster'] as unknown as ClusterDefinition;

/** factstore.v1.Projections; states pass through it as bytes. */
export const projectionsService = clientPackage['factstore.v1.Projections'] as unknown as ProjectionsDefinition;

/** factstore.v1.Admin; its calls are rare too. */
export const adminService = clientPackage['factstore.v1.Admin'] as unknown as AdminDefinition;

/** factstore.peer.v1.Peer */
export const peerService = peerPackage['factstore.peer.v1.Peer'] as unknown as PeerDefinition;

/** The reflected forms of the services whose messages are encoded by hand (services.ts): the contract to compare with. */
export const reflectedEvents = clientPackage['factstore.v1.Events'] as ServiceDefinition;
export const reflectedStreams = clientPackage['factstore.v1.Streams'] as ServiceDefinition;
