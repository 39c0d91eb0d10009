import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { FactstoreError } from '../base/errors.ts';
import { isDenied, isMissing, replaceFile } from './files.ts';

/** The version of the layout of a data directory. */
export const DIRECTORY_FORMAT = 2;

/**
 * Who a data directory is. A member of a cluster is (node id, directory id): a wiped or replaced disk gets another
 * directory id and is another member, however much its node id is the same.
 *
 * On disk, `identity.json`: these fields in this order, `foundedAs` and `joining` only where they are needed, and `checksum`,
 * the CRC-32 in hexadecimal digits of the JSON of the fields without white space.
 */
export interface Identity {
  /** The version of the layout of the directory. */
  readonly format: number;
  /** The UUID of the cluster that it belongs to; null while it belongs to none. */
  readonly clusterId: string | null;
  /** The cluster that its log was founded as, where that is another one: see `Lineage` (peer/membership-codec.ts). */
  readonly foundedAs?: string;
  /**
   * While it belongs to none: the cluster that it belongs to as soon as its log has the founding record, where that is
   * of another one and would not tell.
   */
  readonly joining?: string;
  readonly nodeId: string;
  /** A UUID, drawn when the directory is created. */
  readonly directoryId: string;
  /** How many times a node was started on it (rule D9). */
  readonly incarnation: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text);
}

export function encodeIdentity(identity: Identity): string {
  const fields = ordered(identity);
  return `${JSON.stringify({ ...fields, checksum: checksum(fields) }, null, 2)}\n`;
}

/** The identity; a text that says what is wrong where the text holds none. */
export function decodeIdentity(text: string): Identity | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'is not a JSON object';
  const fields = json as Partial<Identity> & { checksum?: unknown };
  if (typeof fields.format === 'number' && fields.format > DIRECTORY_FORMAT)
    return `was written by a newer factstore: its format is ${fields.format}, this one knows ${DIRECTORY_FORMAT}`;
  if (typeof fields.format === 'number' && fields.format >= 1 && fields.format < DIRECTORY_FORMAT)
    return `was written by an older factstore: its format is ${fields.format}, this one knows ${DIRECTORY_FORMAT}`;
  if (fields.format !== DIRECTORY_FORMAT) return 'has no known format';
  if (fields.clusterId !== null && !isUuid(fields.clusterId)) return 'has no valid clusterId';
  if (fields.foundedAs !== undefined && !isUuid(fields.foundedAs)) return 'has no valid foundedAs';
  if (fields.joining !== undefined && !isUuid(fields.joining)) return 'has no valid joining';
  if (typeof fields.nodeId !== 'string' || fields.nodeId === '') return 'has no valid nodeId';
  if (!isUuid(fields.directoryId)) return 'has no valid directoryId';
  const incarnation = fields.incarnation;
  if (!Number.isSafeInteger(incarnation) || (incarnation ?? -1) < 0) return 'has no valid incarnation';
  const identity = ordered(fields as Identity);
  return fields.checksum === checksum(identity) ? identity : 'has a wrong checksum';
}

/** Undefined where there is no such file. Ends in FAILED_PRECONDITION or DATA_LOSS where it holds no identity. */
export async function readIdentity(path: string): Promise<Identity | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isDenied(error))
      throw new FactstoreError(
        'FAILED_PRECONDITION',
        `${path} cannot be read by user ${process.geteuid?.()}: ${(error as Error).message}. Nothing is known to be damaged: give all files of the directory to the user that runs factstore (chown -R)`,
        { path },
        { cause: error },
      );
    throw new FactstoreError(
      'DATA_LOSS',
      `${path} cannot be read: ${(error as Error).message}`,
      { path },
      { cause: error },
    );
  }
  const identity = decodeIdentity(text);
  if (typeof identity !== 'string') return identity;
  if (identity.startsWith('was written by a newer'))
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `${path} ${identity}. Start it with the version that wrote it, or a later one`,
      { path },
    );
  if (identity.startsWith('was written by an older'))
    throw new FactstoreError(
      'FAILED_PRECONDITION',
      `${path} ${identity}, and does not convert it. Export the events with the version that wrote it, and import them here into an empty directory`,
      { path },
    );
  throw new FactstoreError(
    'DATA_LOSS',
    `${path} ${identity}: damaged, or edited by hand. It says which member of which cluster this directory is, and nothing else does. Put back a copy of this very file, or move the directory away and let the node join again with an empty one`,
    { path },
  );
}

export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  await replaceFile(path, encodeIdentity(identity));
}

function ordered(identity: Identity): Identity {
  const { format, clusterId, foundedAs, joining, nodeId, directoryId, incarnation } = identity;
  return {
    ...{ format, clusterId },
    ...(foundedAs !== undefined && { foundedAs }),
    ...(joining !== undefined && { joining }),
    ...{ nodeId, directoryId, incarnation },
  };
}

function checksum(fields: Identity): string {
  return crc32(JSON.stringify(fields)).toString(16).padStart(8, '0');
}
