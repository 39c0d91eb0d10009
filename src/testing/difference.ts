import { decodeUtf8 } from '../base/bytes.ts';
import { SHARED_STATE } from '../projection/program.ts';
import type { RunOutcome } from './trial-run.ts';

const SHOWN_MAX = 300;

/** In what two outcomes of the same events differ, in words; undefined: in nothing. Logs do not count. */
export function differenceOf(held: RunOutcome, fresh: RunOutcome): string | undefined {
  return faultDifference(held, fresh) ?? stateDifference(held, fresh) ?? emissionDifference(held, fresh);
}

function faultDifference({ fault: held }: RunOutcome, { fault: fresh }: RunOutcome): string | undefined {
  const text = (fault: RunOutcome['fault']) => (fault ? `${fault.message} (at ${fault.position})` : 'no error');
  return text(held) === text(fresh) ? undefined : `the one ends in ${text(held)}, the other in ${text(fresh)}`;
}

function stateDifference(held: RunOutcome, fresh: RunOutcome): string | undefined {
  for (const name of new Set([...held.changed.keys(), ...fresh.changed.keys()])) {
    for (const part of ['state', 'result'] as const) {
      const [one, other] = [held, fresh].map(({ changed }) => shown(changed.get(name)?.[part]));
      if (one !== other)
        return `the ${part}${ofPartition(name)} is ${short(one)} in the one, and ${short(other)} in the other`;
    }
  }
  return undefined;
}

function emissionDifference(held: RunOutcome, fresh: RunOutcome): string | undefined {
  const count = Math.max(held.emissions.length, fresh.emissions.length);
  for (let i = 0; i < count; i++) {
    const [one, other] = [held, fresh].map(({ emissions: { [i]: emission } }) => {
      if (!emission) return 'nothing';
      const { stream, type, data, metadata, tags, link } = emission;
      const target = link && `${link.revision ?? ''}@${link.stream}`;
      return `${type} to ${stream} ${[shown(data), shown(metadata), tags?.join(' '), target].filter(Boolean).join(' ')}`;
    });
    if (one !== other) return `the one emits ${short(one)}, the other ${short(other)}`;
  }
  return undefined;
}

function ofPartition(name: string): string {
  if (name === '') return '';
  return name === SHARED_STATE ? ' that all partitions share' : ` of partition ${JSON.stringify(name)}`;
}

function shown(bytes: Uint8Array | null | undefined): string {
  if (!bytes) return '';
  return decodeUtf8(bytes) ?? Buffer.from(bytes).toString('base64');
}

function short(text = ''): string {
  if (text === '') return 'not there';
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
