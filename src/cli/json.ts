import { toHex } from '../base/bytes.ts';

/** An integer as JSON has it: above 2^53 a decimal string, because most readers would change the number. */
export function jsonInteger(value: bigint | number): number | string {
  const exact = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
  return exact ? Number(value) : String(value);
}

/** JSON in one line; also of values that hold big integers or bytes. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return jsonInteger(part);
    if (part instanceof Uint8Array) return toHex(part);
    return part;
  });
}

/**
 * A JSON text in one line, its values as they stand there: parsed and written anew, numbers beyond 2^53 would be others.
 * Line ends can only stand between the tokens of JSON.
 */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]/g, ' ') : json;
}

/** RFC 3339 in UTC, with microseconds. */
export function timeText(us: bigint | number): string {
  const total = BigInt(us);
  const micros = ((total % 1000n) + 1000n) % 1000n;
  const iso = new Date(Number((total - micros) / 1000n)).toISOString();
  return `${iso.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** Microseconds since 1970 of an RFC 3339 text, to the microsecond; undefined where it is not one. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2}))?$/.exec(text);
  if (!match) return undefined;
  const [, day, time = '00:00:00', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  // A 31st of February would silently become a day in March.
  const real = Number(day?.slice(8)) === new Date(`${day}T00:00:00Z`).getUTCDate();
  if (Number.isNaN(ms) || !real) return undefined;
  return BigInt(ms) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}
