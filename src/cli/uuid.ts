import { uuidBytes, uuidOfDigest, uuidText } from '../base/bytes.ts';

/** Whether a text is a UUID, of whatever version. */
export function isUuid(text: string): boolean {
  return uuidBytes(text) !== undefined;
}

/** The text of the UUID that a digest stands for. */
export function uuidTextOfDigest(digest: Uint8Array): string {
  return uuidText(uuidOfDigest(digest));
}
