import { encodeUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../model/limits.ts';
import type { ThrownInside } from './machine.ts';
import { type PackedTexts, ROW_VALUES, type WrittenRows, writtenRow } from './messages.ts';

/**
 * What the sandbox answers: a line of JSON, and behind it the texts of which that line tells the lengths. Here they
 * become bytes, and here bytes are counted: in the sandbox, counting takes longer than all the rest.
 */
type Answered<T> = { readonly value: T } | { readonly failure: ThrownInside };

export interface Written {
  readonly rows: WrittenRows;
  readonly texts: PackedTexts;
}

/** How far a batch has come. */
interface Run {
  readonly log: readonly string[];
  readonly done: number;
}

/** How many events of a batch are done, and what they have written. */
export function readRun(text: string): Answered<Written> & Run {
  const [head, body] = parts<Run & { rows: WrittenRows; failure?: ThrownInside }>(text);
  const { rows, log, done, failure } = head;
  if (failure) return { failure, log, done };
  const count = rows.length / ROW_VALUES;
  const lengths: number[] = [];
  for (let i = 0; i < count; i++) {
    const [, , , , , dataLength, metadataLength] = writtenRow(rows, i);
    lengths.push(dataLength, Math.max(0, metadataLength));
  }
  const texts = packTexts(body, lengths);
  for (let i = 0; i < count; i++) {
    const excess =
      over('the data', texts, i * 2, LIMITS.eventBytesMax) ??
      over('the metadata', texts, i * 2 + 1, LIMITS.metadataBytesMax);
    if (excess !== undefined) return { failure: thrown(`emit: ${excess}`, writtenRow(rows, i)[0]), log, done };
  }
  return { value: { rows, texts }, log, done };
}

/** In `rows` partition, length of the state, length of the result: see language/states.js. */
export interface SettledStates {
  readonly rows: readonly (string | number)[];
  readonly texts: PackedTexts;
}

/** The states that were settled. A result may be as large as a state: it is kept and served beside it. */
export function readSettled(text: string, stateBytesMax: number): Answered<SettledStates> {
  const [head, body] = parts<{ rows: (string | number)[]; failure?: ThrownInside }>(text);
  const { rows, failure } = head;
  if (failure) return { failure };
  const lengths = rows.flatMap((value) => (typeof value === 'number' ? [Math.max(0, value)] : []));
  const texts = packTexts(body, lengths);
  for (let i = 0; i < lengths.length; i += 2) {
    const excess = over('the state', texts, i, stateBytesMax) ?? over('the result', texts, i + 1, stateBytesMax);
    if (excess !== undefined) return { failure: thrown(excess, 0) };
  }
  return { value: { rows, texts } };
}

function over(what: string, { ends }: PackedTexts, index: number, bytesMax: number): string | undefined {
  const bytes = (ends[index] as number) - (ends[index - 1] ?? 0);
  return bytes <= bytesMax ? undefined : `${what} is ${bytes} bytes long: the limit is ${bytesMax}`;
}

function thrown(message: string, at: number): ThrownInside {
  return { at, name: '', message, stack: '' };
}

function parts<T>(text: string): [T, string] {
  const end = text.indexOf('\n');
  return [JSON.parse(text.slice(0, end)) as T, text.slice(end + 1)];
}

/** Texts that stand one behind the other, as bytes in one buffer, which can be handed over as a whole. */
function packTexts(text: string, lengths: readonly number[]): PackedTexts {
  const bytes = encodeUtf8(text) as Uint8Array<ArrayBuffer>;
  const plain = bytes.length === text.length;
  const ends = new Float64Array(lengths.length);
  let textEnd = 0;
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    const start = textEnd;
    textEnd += lengths[i] as number;
    end = plain ? textEnd : end + Buffer.byteLength(text.slice(start, textEnd));
    ends[i] = end;
  }
  return { bytes, ends };
}
