import { encodeUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../model/limits.ts';
import type { ThrownInside } from './machine.ts';
import type { EmissionRow, SettledState } from './messages.ts';

/**
 * What the sandbox answers: a line of JSON, and behind it the texts of which that line tells the lengths. Here they
 * become bytes, and here bytes are counted: in the sandbox, counting takes longer than all the rest.
 */
type Answered<T> = { readonly value: T } | { readonly failure: ThrownInside };

/** As `write` in language/emissions.js has it: index, ordinal, fields, lengths of data and metadata. */
type WrittenRow = readonly [number, number, Omit<EmissionRow, 'at' | 'ordinal' | 'data' | 'metadata'>, number, number];

/** How many events of a batch are done, and what they have written. */
export function readRun(
  text: string,
): Answered<readonly EmissionRow[]> & { readonly log: readonly string[]; readonly done: number } {
  const [head, texts] = parts<{ rows: WrittenRow[]; log: string[]; done: number; failure?: ThrownInside }>(text);
  const { rows, log, done, failure } = head;
  if (failure) return { failure, log, done };
  const emissions: EmissionRow[] = [];
  for (const [at, ordinal, fields, dataLength, metadataLength] of rows) {
    const data = texts.take(dataLength);
    const metadata = metadataLength < 0 ? {} : { metadata: texts.take(metadataLength) };
    const excess =
      over('the data', data, LIMITS.eventBytesMax) ?? over('the metadata', metadata.metadata, LIMITS.metadataBytesMax);
    if (excess !== undefined) return { failure: thrown(`emit: ${excess}`, at), log, done };
    emissions.push({ at, ordinal, ...fields, data, ...metadata });
  }
  return { value: emissions, log, done };
}

/** The states that were settled. */
export function readSettled(text: string, stateBytesMax: number): Answered<readonly SettledState[]> {
  const [head, texts] = parts<{ rows: (string | number)[]; failure?: ThrownInside }>(text);
  const { rows, failure } = head;
  if (failure) return { failure };
  const states: SettledState[] = [];
  for (let i = 0; i < rows.length; i += 3) {
    const [partition, stateLength, resultLength] = rows.slice(i, i + 3) as [string, number, number];
    const state = stateLength < 0 ? null : texts.take(stateLength);
    const excess = over('the state', state ?? undefined, stateBytesMax);
    if (excess !== undefined) return { failure: thrown(excess, 0) };
    const result = resultLength === -2 ? 'same' : resultLength < 0 ? null : texts.take(resultLength);
    states.push([partition, state, result]);
  }
  return { value: states };
}

function over(what: string, bytes: Uint8Array | undefined, bytesMax: number): string | undefined {
  if (bytes === undefined || bytes.length <= bytesMax) return undefined;
  return `${what} is ${bytes.length} bytes long: the limit is ${bytesMax}`;
}

function thrown(message: string, at: number): ThrownInside {
  return { at, name: '', message, stack: '' };
}

function parts<T>(text: string): [T, Texts] {
  const end = text.indexOf('\n');
  return [JSON.parse(text.slice(0, end)) as T, new Texts(text, end + 1)];
}

/** Texts one behind the other. */
class Texts {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  take(length: number): Uint8Array {
    const start = this.#at;
    this.#at += length;
    return encodeUtf8(this.#text.slice(start, this.#at));
  }
}
