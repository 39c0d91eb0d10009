import { deflateRawSync } from 'node:zlib';
import { Prng } from '../../src/base/prng.ts';

/** What the payloads are of; the names of streams (and of etcd's keys) are seeded too. */
const PAYLOADS_MAX = 4_096;
const ALL_BYTES_MAX = 16 * 2 ** 20;
const PAYLOAD_BYTES = 256;
const STREAMS = 1_000;
const RATIO_MIN = 0.7;
/** Printable ASCII that JSON need not escape: text that hardly compresses. */
const ALPHABET = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter(
  (c) => c !== '"' && c !== '\\',
);

export interface Payload {
  /** What an application would hand to the SDK. */
  readonly data: { readonly account: number; readonly amount: number; readonly note: string };
  /** The same as JSON. */
  readonly json: Buffer;
}

/** Seeded payloads and names: the same run by run, and the same for both systems. */
export class Payloads {
  readonly ratio: number;
  readonly streams: readonly string[];
  private readonly payloads: readonly Payload[];
  private readonly prng: Prng;

  constructor(seed: number, bytes = PAYLOAD_BYTES) {
    this.prng = new Prng(seed);
    const length = Math.min(PAYLOADS_MAX, Math.floor(ALL_BYTES_MAX / bytes));
    this.payloads = Array.from({ length }, () => makePayload(this.prng, bytes));
    this.streams = Array.from({ length: STREAMS }, (_, i) => `account-${i}`);
    // Together, as a database's compressor would meet them: each alone compresses less.
    const all = Buffer.concat(this.payloads.map((payload) => payload.json));
    this.ratio = deflateRawSync(all, { level: 1 }).length / all.length;
    if (this.ratio < RATIO_MIN) throw new Error(`payloads compress to ${this.ratio.toFixed(2)}, below ${RATIO_MIN}`);
  }

  payload(): Payload {
    return this.payloads[this.prng.between(0, this.payloads.length)] as Payload;
  }

  stream(): string {
    return this.streams[this.prng.between(0, STREAMS)] as string;
  }

  /** Distinct names that stand side by side, from a seeded place on: etcd refuses a transaction that puts a key twice. */
  distinctStreams(count: number): string[] {
    const from = this.prng.between(0, STREAMS);
    return Array.from({ length: count }, (_, i) => this.streams[(from + i) % STREAMS] as string);
  }
}

function makePayload(prng: Prng, bytes: number): Payload {
  const head = { account: prng.between(100_000, 999_999), amount: prng.between(100_000, 999_999) };
  const room = bytes - JSON.stringify({ ...head, note: '' }).length;
  const note = Array.from({ length: room }, () => ALPHABET[prng.between(0, ALPHABET.length)]).join('');
  const data = { ...head, note };
  const json = Buffer.from(JSON.stringify(data));
  if (json.length !== bytes) throw new Error(`a payload of ${json.length} bytes`);
  return { data, json };
}
