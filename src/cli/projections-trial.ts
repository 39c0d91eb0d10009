import { decodeUtf8 } from '../base/bytes.ts';
import type { Emission, PartitionState, RunOutcome, Trial } from '../testing/trial.ts';
import { payloadMember, printable, saysJson } from './event-output.ts';
import type { Output } from './io.ts';
import { jsonText } from './json.ts';
import { tableText } from './table.ts';

/** The partition that stands for the state which all partitions share. */
const SHARED = '\u0000shared';

/** What a projection under test did, for programs: one JSON object a line, in the order in which it came about. */
export class TrialLines {
  private readonly out: Output;

  constructor(out: Output) {
    this.out = out;
  }

  async processed({ emissions, logs }: RunOutcome): Promise<void> {
    for (const emission of emissions) await this.out.line(emissionJson(emission));
    for (const text of logs) await this.out.line(jsonText({ kind: 'log', text }));
  }

  async end({ partitions, processed }: Trial, seen: number): Promise<void> {
    for (const [name, { state, result }] of partitions) {
      const place = name === SHARED ? '"shared":true' : `"partition":${JSON.stringify(name)}`;
      await this.out.line(`{"kind":"state",${place},"state":${textOf(state)},"result":${textOf(result)}}`);
    }
    await this.out.line(jsonText({ kind: 'summary', events: seen, processed, partitions: partitions.size }));
  }
}

/** The same for people: the rows that fit on some screens, and how many there are. */
export class TrialTables {
  private readonly out: Output;
  private readonly rows: string[][] = [];
  private emitted = 0;

  constructor(out: Output) {
    this.out = out;
  }

  async processed({ emissions, logs }: RunOutcome): Promise<void> {
    this.emitted += emissions.length;
    for (const emission of emissions.slice(0, ROWS_MAX - this.rows.length)) this.rows.push(emissionRow(emission));
    for (const text of logs) await this.out.line(`${this.out.dim('log')} ${printable(text)}`);
  }

  async end({ partitions, processed, description }: Trial, seen: number): Promise<void> {
    const { out } = this;
    const head = ['PARTITION', 'STATE', ...(description.transforms ? ['RESULT'] : [])];
    const states = [...partitions]
      .slice(0, ROWS_MAX)
      .map(([name, state]) => stateRow(name, state, description.transforms));
    if (states.length > 0) await out.line(await tableText(out, head, states));
    await this.rest(states.length, partitions.size);
    if (this.rows.length > 0) {
      await out.line(
        `${states.length > 0 ? '\n' : ''}${await tableText(out, ['AT', 'TO', 'TYPE', 'DATA'], this.rows)}`,
      );
    }
    await this.rest(this.rows.length, this.emitted);
    await out.line(
      `${seen} events, ${processed} of them for the projection: ${partitions.size} states, ${this.emitted} emissions`,
    );
  }

  private async rest(shown: number, all: number): Promise<void> {
    if (all > shown) await this.out.line(this.out.dim(`and ${all - shown} more, which --json shows`));
  }
}

const ROWS_MAX = 1_000;

function stateRow(name: string, { state, result }: PartitionState, transforms: boolean): string[] {
  const partition = name === SHARED ? '(shared)' : name === '' ? '(all)' : name;
  return [partition, textOf(state), ...(transforms ? [textOf(result)] : [])];
}

function emissionRow({ position, stream, type, data, link, contentType }: Emission): string[] {
  if (link) {
    const revision = link.revision === undefined ? '' : `@${link.revision}`;
    return [String(position), stream, 'link', `${link.stream}${revision}`];
  }
  const text = saysJson(contentType ?? '') ? decodeUtf8(data) : undefined;
  return [String(position), stream, type, text ?? `<${data.length} bytes of ${contentType ?? 'JSON'}>`];
}

function emissionJson({ position, kind, stream, type, data, contentType, metadata, tags, link }: Emission): string {
  const place = jsonText({ kind, position, stream }).slice(0, -1);
  if (link)
    return `${place},"link":${jsonText(link)}${payloadMember('metadata', metadata ?? new Uint8Array(0), true)}}`;
  return (
    `${place},"type":${JSON.stringify(type)}${payloadMember('data', data, saysJson(contentType ?? ''))}` +
    `${payloadMember('metadata', metadata ?? new Uint8Array(0), true)},"tags":${JSON.stringify(tags ?? [])}}`
  );
}

/** States are JSON; `null` where there is none. */
function textOf(bytes: Uint8Array | null): string {
  return bytes ? (decodeUtf8(bytes) ?? '') : 'null';
}
