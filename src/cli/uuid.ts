import { uuidBytes, uuidText } from '../base/bytes.ts';

/** Whether a text is a UUID, of whatever version. */
export function isUuid(text: string): boolean {
  return uuidBytes(text) !== undefined;
}

/** The UUID (version 8) that a digest of 16 bytes or more stands for. */
export function uuidOfDigest(digest: Uint8Array): string {
  const bytes = Uint8Array.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(bytes);
}
